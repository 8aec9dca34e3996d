//! Azure Resource Manager: one handler per route, one use case per handler.

pub(crate) mod errors;
