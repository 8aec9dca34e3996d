//! Services: what the v1 wire calls an endpoint, with one deployment or with versions.
//!
//! - [`request`]: a create body, read; [`update`]: a patch, applied and read
//! - [`document`]: a service as it is shown
//! - [`versions`]: all that, of the versions of an endpoint
//! - [`validate`]: the three questions before a deployment; [`keys`]: the two keys
//! - [`migrate`]: a service goes to another compute

mod document;
mod keys;
mod migrate;
mod request;
#[cfg(test)]
mod tests;
mod update;
mod validate;
mod versions;
#[cfg(test)]
mod versions_tests;

pub(super) use document::error;
pub use document::{ServiceView, document, logs, page};
pub use keys::{RegenerateKey, keys, read_regenerate, token};
pub use migrate::{Migration, moved, read_migration};
pub use request::{kind_is_versioned, read};
pub use update::update;
pub use validate::{Validation, read_validation};
