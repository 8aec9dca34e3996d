//! How clusters are moved: backends and providers.
//!
//! - [`local`]: replicas as child processes of this machine
//! - [`provider`]: what makes and deletes clusters

pub mod local;
pub mod provider;

pub use local::{LocalBackend, LocalSettings};
pub use provider::LocalProvider;
