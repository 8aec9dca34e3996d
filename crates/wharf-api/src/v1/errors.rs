//! The data plane's shape of a refusal.

use http::{HeaderValue, Response, header::CONTENT_TYPE};
use wharf_wire::v1::errors::{ErrorText, document};

use crate::{answer::Body, refusal::Refusal, request_id::RequestId};

/// The words of the model management service where they differ from ARM's.
fn code(code: &'static str) -> &'static str {
    match code {
        "ValidationError" => "BadRequest",
        "ResourceNotFound" => "NotFound",
        "PreconditionFailed" => "DeletionRequired",
        code => code,
    }
}

pub(crate) fn render(refusal: &Refusal, id: &RequestId) -> Response<Body> {
    let body = document(&ErrorText {
        status: refusal.status.as_u16(),
        code: code(refusal.code),
        message: &refusal.message,
        details: &refusal.details,
        request_id: id.as_str(),
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = refusal.status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
