//! OAuth's shape of a refusal (RFC 6749, section 5.2).

use http::{HeaderValue, Response, StatusCode, header::WWW_AUTHENTICATE};
use wharf_wire::arm::sign_in::OAuthError;

use crate::{
    answer::{self, Body},
    refusal::Refusal,
};

pub(crate) fn render(refusal: &Refusal) -> Response<Body> {
    let shape = OAuthError::new(code(refusal), &refusal.message);
    let answered = answer::json(refusal.status, &shape);
    let mut response = answered.unwrap_or_else(|_| answer::empty(refusal.status));
    if refusal.status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Basic realm=\"wharf\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    response
}

/// OAuth's own word. A handler of this surface has chosen it already; what comes
/// from elsewhere is told by its status.
fn code(refusal: &Refusal) -> &'static str {
    if refusal.code.starts_with(char::is_lowercase) {
        return refusal.code;
    }
    match refusal.status {
        StatusCode::UNAUTHORIZED => "invalid_client",
        StatusCode::FORBIDDEN => "access_denied",
        StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request",
    }
}
