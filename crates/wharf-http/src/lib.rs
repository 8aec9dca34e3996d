//! What every HTTP listener does with a connection, whoever answers on it.
//!
//! - [`head_timer`]: how long an HTTP/1 connection may wait for a request

mod head_timer;

pub use head_timer::{Counted, HeadTimer};
