//! Who may ask, and in which dialect: the HTTPS surfaces.
//!
//! ```text
//!  connection ──▶ dispatch ──▶ tree ──▶ handler ──▶ one use case of wharf-control
//!   (listen)     id, limits,  (router)     │
//!                caller, log     ▲         └──▶ Answered: a response, or a Refusal
//!                                │                that the surface renders last
//!                         ROUTES, one page
//! ```
//!
//! - [`listen`]: TLS and connections; [`activity`]: how long those of HTTP/2 stay;
//!   [`dispatch`]: the phases of one request
//! - [`router`]: every route on one page; [`tree`]: how paths find them
//! - [`authorize`]: what a route does to what, and whether the caller may;
//!   [`throttle`]: how often; [`audit`]: what is recorded of it
//! - [`call`], [`body`], [`json`], [`query`], [`page`]: what a handler receives
//! - [`answer`], [`refusal`]: what it gives back; [`request_id`]: what ties it to the log
//! - surfaces: [`metadata`], [`auth`], [`arm`], [`v1`], [`blob`]
//!
//! A new route is one line in [`router`], one `async fn(Call, Caller) -> Answered`
//! (no `Caller` where no token is needed), and one snapshot in `tests/it`.

mod activity;
mod answer;
mod arm;
mod audit;
mod auth;
mod authorize;
mod blob;
mod body;
mod call;
mod dispatch;
mod json;
mod listen;
mod metadata;
mod page;
mod query;
mod refusal;
mod request_id;
pub mod router;
mod settings;
mod throttle;
mod tree;
mod v1;

pub use answer::{Body, BodyError};
pub use dispatch::Api;
pub use settings::{ApiSettings, Limits};
pub use throttle::Throttling;
