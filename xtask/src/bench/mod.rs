//! What Wharf costs, measured against a running server and printed as a table.
//!
//! Nothing here decides a test: machines differ and are noisy. CPU time is read
//! from the kernel's account of the server's process, so that the load generator
//! beside it does not count.
//!
//! - [`server`]: a throw-away server as a child process
//! - [`client`]: a signed-in client that speaks ARM and the data plane
//! - [`deploy`]: what it takes to get a script served
//! - [`control`]: the measurements; [`table`]: how they are shown

mod client;
pub(crate) mod control;
mod deploy;
mod server;
mod table;
