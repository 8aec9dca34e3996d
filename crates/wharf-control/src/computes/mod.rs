//! Computes: create, attach, update, read, delete, detach.
//!
//! - [`put`]: a PUT with its checks; [`existing`]: of a name that is taken
//! - [`busy`]: what is under way with one
//! - [`write`]: the use cases that write; [`read`]: those that do not

mod busy;
mod existing;
mod put;
mod read;
mod write;

pub(crate) use read::{ComputeReads, find_compute};
