//! Inside a replica: loads the model and answers scoring calls.
//!
//! ```text
//!             HTTP/1.1 on a socket            frames on a socket pair
//!  router ------------------------> scorer <--------------------------> python
//!                                   |    \----------------------------> python
//!                                   |                        prints ...
//!                                   +--> state.json          replica.log <--+
//! ```
//!
//! The scorer is a small process of its own. It survives the server, owns the
//! Python workers, and answers health and swagger itself, so that a busy or hung
//! script never looks like a dead one. What scripts see and what clients get is
//! what Azure's inference server does, down to the headers.
//!
//! | module | what |
//! |---|---|
//! | `config` | what a replica is told |
//! | `serve` | its life: listen, start, drain, end |
//! | `route`, `reply`, `identity`, `cors` | HTTP: which answer a request gets |
//! | `pool` | N workers, one queue, restarts |
//! | `worker`, `frame`, `environment` | one Python process and how to talk to it |
//! | `state`, `log` | what others see of it |
//! | `python/_wharf_worker` | the Python side |
//! | `python/fallback` | packages that scripts import and that may be absent |

mod config;
mod cors;
mod environment;
mod error;
mod frame;
mod identity;
mod log;
mod pool;
mod reply;
mod route;
mod serve;
mod state;
mod worker;

pub use config::{Listen, MOST_WORKERS, ReplicaConfig};
pub use environment::BUILT_IN_SCRIPTS;
pub use error::ScorerError;
pub use serve::{run, run_until};
pub use state::Phase;
