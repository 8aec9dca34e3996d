//! OAuth's shape of a refusal (RFC 6749, section 5.2).

use http::{Response, StatusCode};
use wharf_wire::arm::sign_in::OAuthError;

use crate::{
    answer::{self, Body},
    refusal::Refusal,
};

pub(crate) fn render(refusal: &Refusal) -> Response<Body> {
    let shape = OAuthError::new(code(refusal), &refusal.message);
    answer::json(refusal.status, &shape).unwrap_or_else(|_| answer::empty(refusal.status))
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
