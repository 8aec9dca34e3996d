//! What requests and answers about blobs say in their heads.

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use wharf_core::{Error, Result, model::Content};
use wharf_wire::blob;

use crate::{
    answer::{self, Body},
    call::Call,
    refusal::Refusal,
};

/// The storage version that is spoken.
pub(super) const VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-ms-version"),
    HeaderValue::from_static(blob::VERSION),
);
pub(super) const BLOB_TYPE: HeaderName = HeaderName::from_static("x-ms-blob-type");
pub(super) const BLOB_MD5: HeaderName = HeaderName::from_static("x-ms-blob-content-md5");
pub(super) const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
pub(super) const BLOCK_BLOB: &str = "BlockBlob";

/// Names the content; equal for equal bytes.
pub(super) fn etag(content: &Content) -> String {
    let digest = content.digest.to_string();
    format!("\"0x{}\"", digest[..16].to_ascii_uppercase())
}

/// What every answer about a blob says.
pub(super) fn describe(response: &mut Response<Body>, content: &Content) -> Result<(), Refusal> {
    answer::set(response, header::ETAG, etag(content))?;
    let stored_at = blob::http_date(content.stored_at);
    answer::set(response, header::LAST_MODIFIED, stored_at)?;
    version(response.headers_mut());
    Ok(())
}

/// Says which version is spoken.
pub(super) fn version(headers: &mut HeaderMap) {
    headers.insert(VERSION.0, VERSION.1);
}

/// Whether the blob may be replaced: `If-None-Match: *` says no.
///
/// # Errors
/// Other conditions are not kept, so they are refused instead of ignored.
pub(super) fn only_if_absent(call: &Call) -> Result<bool> {
    if call.header("if-match").is_some() {
        return Err(Error::invalid(
            "If-Match",
            "is not supported on uploads; use `If-None-Match: *`",
        ));
    }
    match call.header("if-none-match").map(str::trim) {
        None => Ok(false),
        Some("*") => Ok(true),
        Some(_) => Err(Error::invalid("If-None-Match", "must be `*` on uploads")),
    }
}

/// A header's text that is not empty.
pub(super) fn text(call: &Call, name: &str) -> Option<String> {
    let value = call.header(name)?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}
