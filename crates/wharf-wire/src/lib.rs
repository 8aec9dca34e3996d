//! How the world spells them: Azure's request and response shapes.
//!
//! The only crate in which a field has Azure's name. The server and the command
//! line use the same shapes, so that the two cannot drift. No handlers, no
//! clients, no decisions: parsing into `wharf-core`'s types and printing them.
//!
//! Beside the types, `contract.json` says what clients need of each answer: keys that
//! must be there and nulls that must not. The tests of the API check against it.
//!
//! - [`page`]: lists and their next page
//! - [`arm`]: Azure Resource Manager
//! - [`v1`]: the data plane of SDK v1; [`patch`]: JSON Patch
//! - [`blob`]: blob storage; [`catalogue`]: files with sizes and versions

pub mod arm;
pub mod blob;
pub mod catalogue;
pub mod page;
pub mod patch;
pub mod v1;
