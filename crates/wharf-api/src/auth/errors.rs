//! OAuth's shape of a refusal (RFC 6749, section 5.2).

use http::Response;
use wharf_wire::arm::sign_in::OAuthError;

use crate::{
    answer::{self, Body},
    refusal::Refusal,
};

pub(crate) fn render(refusal: &Refusal) -> Response<Body> {
    let shape = OAuthError::new(refusal.code, &refusal.message);
    answer::json(refusal.status, &shape).unwrap_or_else(|_| answer::empty(refusal.status))
}
