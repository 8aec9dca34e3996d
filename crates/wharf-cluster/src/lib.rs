//! How clusters are moved: backends and providers.
//!
//! - [`environment`]: what a script's interpreter has to hold, made with `uv`
//! - [`local`]: replicas as child processes of this machine
//! - [`provider`]: what makes and deletes clusters
//! - [`carriers`]: processes that were started and lost sight of

mod carriers;
pub mod environment;
pub mod local;
pub mod provider;

pub use environment::{BuildLimits, BuildPolicy, UvEnvironments, UvSettings};
pub use local::{FAULT_POINTS, LocalBackend, LocalSettings};
pub use provider::LocalProvider;
