//! The whole program, from outside: started, asked, stopped, killed.
//!
//! - [`program`]: runs it; [`server`]: a server that runs
//! - [`first_start`], [`restart`], [`lock`], [`ports`], [`stop`]: its life
//! - [`deploy`]: through the API ([`api`]), over a kill
//! - [`limits`]: where two crates hold the same one
//! - [`environment`], [`doctor`], [`cluster`], [`help`]: the shell

mod api;
mod cluster;
mod deploy;
mod doctor;
mod environment;
mod first_start;
mod help;
mod limits;
mod lock;
mod ports;
mod program;
mod restart;
mod server;
mod stop;
