//! The OAuth 2 authority under `/adfs`: with that name in the address, msal asks
//! no service of Microsoft's about it.

use http::StatusCode;
use wharf_core::Secret;
use wharf_wire::arm::sign_in::{KeySet, OpenIdConfiguration, TokenAnswer};

use super::basic;
use crate::{
    answer::{self, Answered},
    call::Call,
    query::Pairs,
    refusal::Refusal,
};

/// Most bytes of a form.
const LARGEST_FORM: u64 = 64 * 1024;

/// `GET /adfs/…/.well-known/openid-configuration`.
pub(crate) async fn configuration(call: Call) -> Answered {
    let tenant = call.app().tenant();
    answer::ok(&OpenIdConfiguration::new(call.public_url(), tenant))
}

/// `GET /adfs/discovery/keys`.
pub(crate) async fn keys(call: Call) -> Answered {
    let key = call.app().public_key();
    answer::ok(&KeySet::of(&key.id, &key.x, &key.y))
}

/// `POST /adfs/oauth2/token`: client credentials, in the form or in a Basic header.
pub(crate) async fn token(mut call: Call) -> Answered {
    call.body.allow("the form", LARGEST_FORM);
    let form = call.bytes().await?;
    let form = std::str::from_utf8(&form)
        .map(Pairs)
        .map_err(|_| invalid_request("the form is not UTF-8"))?;
    match form.get("grant_type").as_deref() {
        Some("client_credentials") => {}
        Some(other) => {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                format!("grant_type `{other}` is not supported; use `client_credentials`"),
            ));
        }
        None => return Err(invalid_request("grant_type is missing from the form")),
    }
    let (client, secret) = match basic::credentials(call.headers()) {
        Some(credentials) => credentials,
        None => from_form(form)?,
    };
    let audience = audience(form, call.public_url());
    let issued = call
        .app()
        .sign_in_client(&client, &secret, &audience)
        .await?;
    answer::secret(&TokenAnswer::new(
        issued.token.reveal(),
        issued.expires_in.as_secs(),
    ))
}

fn invalid_request(message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message)
}

fn from_form(form: Pairs<'_>) -> Result<(String, Secret), Refusal> {
    let client = form
        .get("client_id")
        .ok_or_else(|| invalid_request("client_id is missing from the form"))?;
    let secret = form.get("client_secret").ok_or_else(|| {
        invalid_request("client_secret is missing; send it in the form or in a Basic header")
    })?;
    Ok((client.into_owned(), Secret::new(secret)))
}

/// What the token is for: the scope's resource, or `resource` of the older form.
fn audience(form: Pairs<'_>, public_url: &str) -> String {
    let scope = form.get("scope").unwrap_or_default();
    let of_scope = scope
        .split(' ')
        .find_map(|scope| scope.strip_suffix("/.default"));
    match of_scope {
        Some(resource) => resource.to_owned(),
        None => form
            .get("resource")
            .map_or_else(|| format!("{public_url}/"), |text| text.into_owned()),
    }
}
