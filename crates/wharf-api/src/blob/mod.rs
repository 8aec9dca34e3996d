//! Blob storage on hosts `ACCOUNT.blob.HOST`: block blobs, each opened by a
//! signature in the query.
//!
//! - [`upload`]: a blob at once, its blocks, the list that joins them
//! - [`download`]: a blob, a part of it, what is known of it
//! - [`signature`]: who may; [`headers`]: what both sides say; [`errors`]

mod download;
pub(crate) mod errors;
mod headers;
mod signature;
mod upload;

use http::Method;

use crate::router::{Handler, Route, Surface, route};

/// All routes of the surface.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route!(PUT "/{container}/{*blob}", Blob, Signature upload::put),
        route!(GET "/{container}/{*blob}", Blob, Signature download::get),
        route!(HEAD "/{container}/{*blob}", Blob, Signature download::head),
    ]
}
