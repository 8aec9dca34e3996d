//! ARM's shape of a refusal.

use http::Response;
use wharf_wire::arm::errors::ErrorEnvelope;

use crate::{
    answer::{self, Body},
    refusal::Refusal,
};

pub(crate) fn render(refusal: &Refusal) -> Response<Body> {
    let shape = ErrorEnvelope::new(refusal.code, &refusal.message, &refusal.details);
    answer::json(refusal.status, &shape).unwrap_or_else(|_| answer::empty(refusal.status))
}
