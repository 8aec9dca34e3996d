//! Computes: create, attach, update, read, delete, detach.
//!
//! - [`put`]: a PUT with its checks; [`existing`]: of a name that is taken; [`tls`]: the
//!   part of it about certificates
//! - [`busy`]: what is under way with one
//! - [`write`]: the use cases that write; [`read`]: those that do not

mod busy;
mod existing;
mod put;
mod read;
mod tls;
mod write;

pub(crate) use read::{ComputeReads, find_compute};
pub use tls::{MOST_UNHELD_LABELS, TlsAuthority};
