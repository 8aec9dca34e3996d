//! The data plane that SDK v1 speaks.

mod artifacts;
mod bad_input;
mod migrate;
mod models;
mod routes;
mod services;
mod tokens;
