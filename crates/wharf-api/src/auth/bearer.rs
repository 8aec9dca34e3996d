//! The bearer token of a request, and the challenge when it is not good.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use wharf_core::workspace::Caller;

use crate::{call::Call, refusal::Refusal};

/// Who asks.
///
/// # Errors
/// 401 without a token, and with one that is not good.
pub(crate) async fn caller(call: &Call) -> Result<Caller, Refusal> {
    let value = call.headers().get(header::AUTHORIZATION).ok_or_else(|| {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "AuthenticationFailed",
            "the request has no `Authorization: Bearer` header",
        )
    })?;
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    let token = token.ok_or_else(|| {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "AuthenticationFailed",
            "the `Authorization` header must be `Bearer` and a token",
        )
    })?;
    Ok(call.app().authenticate(token).await?)
}

/// Says where to sign in. With `claims` the clients fetch a fresh token and try
/// again by themselves, which they do not do for a plain 401: it is what a changed
/// signing key needs (`azure-cli` was seen to do so).
pub(crate) fn challenge(headers: &mut HeaderMap, public_url: &str, stale_key: bool) {
    let mut text =
        format!("Bearer realm=\"\", authorization_uri=\"{public_url}/adfs/oauth2/authorize\"");
    if stale_key {
        let claims = STANDARD.encode(r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#);
        text.push_str(", error=\"insufficient_claims\", claims=\"");
        text.push_str(&claims);
        text.push('"');
    } else {
        text.push_str(", error=\"invalid_token\"");
    }
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
}
