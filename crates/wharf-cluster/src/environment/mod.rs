//! Environments of scripts, made with `uv` and shared by content.
//!
//! First what was asked for is understood, without touching anything:
//!
//! - [`plan`]: the whole request, to requirements, findings and notices
//! - [`match_spec`], [`pip_line`]: one conda line, one pip line
//! - [`names`]: conda's names for packages; [`version`], [`requirement`]: the index's own
//! - [`rules`]: what the platform adds to keep old pins working
//! - [`python`]: which interpreter it may be
//!
//! Then it is made, each step safe to be killed in:
//!
//! - [`builder`]: the way in, and the order of the steps
//! - [`interpreters`], [`tool`]: what is installed: Pythons, and `uv` itself
//! - [`resolve`], [`install`]: a lock from requirements, packages from a lock
//! - [`build`], [`command`], [`failure`]: what the steps of one build share; running
//!   one program; what its last lines mean
//! - [`layout`]: what lies where on disk, and when it counts as there
//! - [`settings`]: what the operator decides

mod build;
mod builder;
mod command;
mod failure;
mod install;
mod interpreters;
mod layout;
mod match_spec;
mod names;
mod pip_line;
mod plan;
#[cfg(test)]
mod plan_tests;
mod python;
mod redact;
mod requirement;
mod resolve;
mod rules;
mod settings;
mod tool;
mod version;

pub use self::{
    builder::UvEnvironments,
    settings::{BuildLimits, BuildPolicy, UvSettings},
};
