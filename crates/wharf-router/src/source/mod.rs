//! Where routes and replicas come from.

pub(crate) mod memory;
