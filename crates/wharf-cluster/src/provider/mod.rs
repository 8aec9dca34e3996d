//! Makes and deletes managed clusters.

mod local;

pub use self::local::LocalProvider;
