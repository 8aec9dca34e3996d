//! Blob storage's shape of a refusal.

use http::Response;

use crate::{answer::Body, refusal::Refusal, request_id::RequestId};

pub(crate) fn render(refusal: &Refusal, _id: &RequestId) -> Response<Body> {
    crate::arm::errors::render(refusal)
}
