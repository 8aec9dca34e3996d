//! The token endpoint of a managed identity, in the two forms in which clients
//! ask: `GET` with a secret in a header (App Service), `POST` of a form with the
//! secret as user info in the address.

use http::StatusCode;
use wharf_core::Secret;
use wharf_wire::arm::sign_in::IdentityToken;

use super::basic;
use crate::{
    answer::{self, Answered},
    call::Call,
    query::Pairs,
    refusal::Refusal,
};

/// Most bytes of a form.
const LARGEST_FORM: u64 = 64 * 1024;

/// `GET /msi/token?resource=…`.
pub(crate) async fn get(call: Call) -> Answered {
    let resource = call.query("resource").map(|text| text.into_owned());
    give(&call, resource).await
}

/// `POST /msi/token` with `resource=…`.
pub(crate) async fn post(mut call: Call) -> Answered {
    call.body.allow("the form", LARGEST_FORM);
    let form = call.bytes().await?;
    let form = std::str::from_utf8(&form).unwrap_or_default();
    let resource = Pairs(form).get("resource").map(|text| text.into_owned());
    give(&call, resource).await
}

async fn give(call: &Call, resource: Option<String>) -> Answered {
    let resource = resource.filter(|text| !text.is_empty()).ok_or_else(|| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "`resource` is missing: what is the token for?",
        )
    })?;
    let secret = secret(call).ok_or_else(|| {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "the secret is missing; send it in header `secret` (MSI_SECRET), in header \
             `X-IDENTITY-HEADER`, or as user info in the address",
        )
    })?;
    let issued = call.app().sign_in_identity(&secret, &resource).await?;
    answer::secret(&IdentityToken::new(
        issued.token.reveal(),
        &resource,
        issued.expires_in.as_secs(),
        issued.expires_at.as_second(),
    ))
}

fn secret(call: &Call) -> Option<Secret> {
    let header = call
        .header("secret")
        .or_else(|| call.header("x-identity-header"));
    match header {
        Some(text) => Some(Secret::new(text)),
        None => basic::credentials(call.headers()).map(|(_, secret)| secret),
    }
}
