//! Azure Resource Manager.

pub mod errors;
mod fields;
