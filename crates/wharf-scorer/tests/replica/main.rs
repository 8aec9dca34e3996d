//! Replicas with real Python processes: what scripts see and what clients get.

mod forks;
mod harness;
mod headers;
mod interpreters;
mod life;
mod process;
mod raw;
mod schema;
mod script;
mod stream;
mod table;
