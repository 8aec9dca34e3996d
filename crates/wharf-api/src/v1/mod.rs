//! The data plane that SDK v1 speaks.

use crate::router::Route;

pub(crate) mod errors;

/// First words of the paths that this surface answers, so that also an unknown
/// route is refused in its shape.
pub(crate) const PREFIXES: &[&str] = &["modelmanagement", "artifact", "discovery", "history"];

/// All routes of the surface.
pub(crate) fn routes() -> Vec<Route> {
    Vec::new()
}
