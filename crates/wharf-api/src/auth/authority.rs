//! The OAuth 2 authority under `/adfs`: with that name in the address, msal asks
//! no service of Microsoft's about it.

use http::StatusCode;
use wharf_core::{Error, Secret};
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

/// `POST /adfs/oauth2/token`: client credentials, in the form or in a Basic header, or
/// a principal's name and secret as user name and password.
pub(crate) async fn token(mut call: Call) -> Answered {
    call.body.allow("the form", LARGEST_FORM);
    let form = call.bytes().await?;
    let form = std::str::from_utf8(&form)
        .map(Pairs)
        .map_err(|_| invalid_request("the form is not UTF-8"))?;
    let audience = audience(form, call.public_url());
    let app = call.app();
    let issued = match form.get("grant_type").as_deref() {
        Some("client_credentials") => {
            let (client, secret) = match basic::credentials(call.headers()) {
                Some(credentials) => credentials,
                None => from_form(form)?,
            };
            app.sign_in_client(&client, &secret, &audience).await?
        }
        Some("password") => {
            let (name, password) = user_of(form)?;
            let signed_in = app.sign_in_name(&name, &password, &audience).await;
            signed_in.map_err(invalid_grant)?
        }
        Some(other) => {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                format!(
                    "grant_type `{other}` is not supported; use `client_credentials` or `password`"
                ),
            ));
        }
        None => return Err(invalid_request("grant_type is missing from the form")),
    };
    answer::secret(&TokenAnswer::new(
        issued.token.reveal(),
        issued.expires_in.as_secs(),
    ))
}

fn invalid_request(message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message)
}

/// OAuth's word for a wrong password (RFC 6749, 5.2): it is the user that is refused,
/// not the client, and so with 400.
fn invalid_grant(error: Error) -> Refusal {
    match error {
        Error::Unauthenticated { why, .. } => {
            Refusal::new(StatusCode::BAD_REQUEST, "invalid_grant", why)
        }
        other => other.into(),
    }
}

/// Name and password of a user (RFC 6749, 4.3).
fn user_of(form: Pairs<'_>) -> Result<(String, Secret), Refusal> {
    let name = form
        .get("username")
        .ok_or_else(|| invalid_request("username is missing from the form"))?;
    let password = form
        .get("password")
        .ok_or_else(|| invalid_request("password is missing from the form"))?;
    Ok((name.into_owned(), Secret::new(password)))
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
