//! Whether a store holds what it promises: a walk over all rows and files that
//! reports each broken invariant. It reads only, beside a server that runs or over
//! what one left.
//!
//! - [`walk`]: opening, and the order of the walk
//! - [`resources`]: each resource with its status and its operations
//! - [`references`]: what rows name of each other
//! - [`content`]: what rows name of the files

mod content;
mod references;
mod resources;
#[cfg(test)]
mod tests;
mod walk;

pub use walk::{Depth, Violation, Walked, walk};
