//! The data plane that SDK v1 (`azureml-core`) speaks.
//!
//! Bodies are read member by member, so that everything wrong is told at once;
//! answers carry every member that the SDK's parsers index, and leave out those
//! that they cannot take as null.
//!
//! - where and what went wrong: [`discovery`], [`errors`]
//! - files: [`artifacts`], [`assets`]; [`models`]
//! - [`services`], their [`operations`]; [`environments`], registered and inside of services
//! - [`images`]: that there are none; [`labels`]: filters of lists

pub mod artifacts;
pub mod assets;
pub mod discovery;
pub mod environments;
pub mod errors;
mod fields;
pub mod images;
pub mod labels;
pub mod models;
pub mod operations;
pub mod services;
mod time;
