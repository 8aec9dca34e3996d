//! Services: what the v1 wire calls an endpoint with one deployment.
//!
//! - [`request`]: a create body, read; [`update`]: a patch, applied and read
//! - [`document`]: a service as it is shown
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

pub(super) use document::error;
pub use document::{ServiceView, document, logs, page};
pub use keys::{RegenerateKey, keys, read_regenerate, token};
pub use migrate::{Migration, moved, read_migration};
pub use request::{is_kind, read};
pub use update::update;
pub use validate::{Validation, read_validation};
