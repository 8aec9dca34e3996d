//! Blob storage's shape of a refusal.

use http::{HeaderName, HeaderValue, Response, header::CONTENT_TYPE};
use wharf_core::Kind;
use wharf_wire::blob::error_body;

use super::headers::VERSION;
use crate::{answer::Body, refusal::Refusal, request_id::RequestId};

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");

/// The words of Azure's storage
/// (<https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>).
fn code(refusal: &Refusal) -> &'static str {
    match (refusal.code, refusal.kind) {
        ("NotFound", Some(Kind::Artifact)) => "BlobNotFound",
        ("NotFound", _) => "ResourceNotFound",
        ("Conflict", _) => "BlobAlreadyExists",
        ("AuthorizationFailed", _) => "AuthenticationFailed",
        ("RequestContentTooLarge", _) => "RequestBodyTooLarge",
        ("MethodNotAllowed", _) => "UnsupportedHttpVerb",
        ("ServiceUnavailable", _) => "ServerBusy",
        ("InternalServerError", _) => "InternalError",
        ("NotSupported", _) => "UnsupportedHeader",
        ("ValidationError", _) => of_field(refusal),
        (code, _) => code,
    }
}

fn of_field(refusal: &Refusal) -> &'static str {
    let field = refusal.details.first().map(|detail| detail.field.as_str());
    match field.unwrap_or_default() {
        "Content-MD5" => "Md5Mismatch",
        "BlockList" => "InvalidBlockList",
        "blockid" | "comp" | "timeout" => "InvalidQueryParameterValue",
        "Range" | "x-ms-blob-type" | "If-None-Match" | "If-Match" => "InvalidHeaderValue",
        "container" | "blob" => "InvalidUri",
        _ => "InvalidInput",
    }
}

pub(crate) fn render(refusal: &Refusal, id: &RequestId) -> Response<Body> {
    let code = code(refusal);
    let body = error_body(code, &refusal.message, id.as_str());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = refusal.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.insert(ERROR_CODE, HeaderValue::from_static(code));
    headers.insert(VERSION.0, VERSION.1);
    response
}
