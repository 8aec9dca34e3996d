//! Blob storage on hosts `ACCOUNT.blob.HOST`.

use crate::router::Route;

pub(crate) mod errors;

/// All routes of the surface.
pub(crate) fn routes() -> Vec<Route> {
    Vec::new()
}
