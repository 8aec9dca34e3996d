//! Headers of answers that a client is to come back for.

use http::{HeaderName, HeaderValue, Response, header};

use crate::{
    answer::{self, Body},
    refusal::Refusal,
};

const ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");
/// Seconds between two polls. Without the header on every pending answer `az`
/// waits 30 s.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Says where the operation is polled: a full address, which clients use as it is.
///
/// # Errors
/// An address that is no header: our bug.
pub(crate) fn operation(response: &mut Response<Body>, url: String) -> Result<(), Refusal> {
    retry_after(response);
    answer::set(response, ASYNC_OPERATION, url)
}

/// Says that the answer will change by itself.
pub(crate) fn retry_after(response: &mut Response<Body>) {
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, RETRY_AFTER);
}
