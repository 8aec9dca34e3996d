//! The surfaces over a whole App: real SQLite and files, a backend in memory.
//!
//! - [`surface`], [`client`]: ask as a client does; [`snapshot`]: keeps answers
//! - [`coverage`], [`authorization`]: walk the route table; [`forged`]: bad tokens
//! - [`contract`]: what clients need of every answer
//! - [`audit`]: who did what; [`throttle`]: how often
//! - surfaces: [`sign_in`], [`arm`], [`v1`], [`blob`]
//! - what is refused: [`bad_input`], [`fuzz`]; real connections with TLS: [`listen`],
//!   [`refused_body`]

mod arm;
mod audit;
mod authorization;
mod bad_input;
mod blob;
mod client;
mod connections;
mod contract;
mod coverage;
mod forged;
mod fuzz;
mod listen;
mod refused_body;
mod sign_in;
mod snapshot;
mod surface;
mod throttle;
mod v1;
