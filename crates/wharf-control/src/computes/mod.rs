//! Computes: create, attach, update, read, delete, detach.
//!
//! - [`put`]: a PUT with its checks
//! - [`write`]: the use cases that write; [`read`]: those that do not

mod put;
mod read;
mod write;

pub(crate) use read::{ComputeReads, find_compute};
