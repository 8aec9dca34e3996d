//! The data plane that SDK v1 speaks.

mod artifacts;
mod bad_input;
mod environments;
mod migrate;
mod models;
mod not_kept;
mod routes;
mod services;
mod tokens;
mod versions;
