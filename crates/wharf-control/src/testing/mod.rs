//! A whole [`App`](crate::App) for tests: real SQLite and real files in a scratch
//! folder, a backend, a provider and environments in memory, and a clock that the
//! test turns.
//!
//! - [`test_app`]: the App, its reconcilers, a restart, waiting by condition
//! - [`state`]: the usual state: a compute, a model with its files, an endpoint

mod state;
mod test_app;

pub use state::{default, endpoint_request, version, versions_request};
pub use test_app::TestApp;
