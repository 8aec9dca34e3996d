//! A real router: TLS, HTTP clients, models on sockets.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bodies;
mod certificates;
mod change;
mod client;
mod hostile;
mod keys;
mod model;
mod outcomes;
mod paths;
mod router;
mod scaling;
mod slots;
mod tokens;
