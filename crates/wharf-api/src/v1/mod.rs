//! The data plane that SDK v1 speaks.
//!
//! - [`discovery`]: where the parts are; [`routes`]: what they answer
//! - files: [`artifacts`], [`assets`]; [`models`]
//! - [`services`] with [`validate`], [`keys`] and [`operations`]; [`environments`]
//! - what is not kept: [`data`], [`images`], [`packages`]
//! - [`place`]: addresses in answers; [`ask`]: what a query asks; [`gather`]: pages;
//!   [`errors`]

mod artifacts;
mod ask;
mod assets;
mod data;
mod discovery;
mod environments;
pub(crate) mod errors;
mod gather;
mod images;
mod keys;
mod models;
mod operations;
mod packages;
mod place;
mod routes;
mod services;
mod validate;

pub(crate) use ask::one;
pub(crate) use discovery::discovery_url;
pub(crate) use routes::routes;
