//! Sign-in: OAuth 2 as Microsoft's clients speak it, and the managed identity's
//! token endpoint.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `{"error", "error_description"}` (RFC 6749, section 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthError {
    /// One of OAuth's own words.
    pub error: String,
    /// What a person reads.
    pub error_description: String,
}

impl OAuthError {
    /// A refusal of the token endpoint.
    pub fn new(error: &str, description: &str) -> Self {
        Self {
            error: error.to_owned(),
            error_description: description.to_owned(),
        }
    }
}

/// What a client finds at `/.well-known/openid-configuration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdConfiguration {
    /// Its fourth piece between slashes is the tenant: `az` reads it there.
    pub issuer: String,
    /// msal raises without it, also where it is not used.
    pub authorization_endpoint: String,
    /// Where tokens are given.
    pub token_endpoint: String,
    /// Where keys are.
    pub jwks_uri: String,
    /// What `token_endpoint` takes.
    pub grant_types_supported: Vec<String>,
    /// How a client may prove who it is.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// How tokens are signed.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// What `authorization_endpoint` would answer.
    pub response_types_supported: Vec<String>,
    /// One subject per principal.
    pub subject_types_supported: Vec<String>,
}

impl OpenIdConfiguration {
    /// The authority under `/adfs` of `public_url`.
    pub fn new(public_url: &str, tenant: Uuid) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            issuer: format!("{public_url}/{tenant}/adfs"),
            authorization_endpoint: format!("{public_url}/adfs/oauth2/authorize"),
            token_endpoint: format!("{public_url}/adfs/oauth2/token"),
            jwks_uri: format!("{public_url}/adfs/discovery/keys"),
            grant_types_supported: texts(&["client_credentials", "password"]),
            token_endpoint_auth_methods_supported: texts(&[
                "client_secret_post",
                "client_secret_basic",
            ]),
            id_token_signing_alg_values_supported: texts(&["ES256"]),
            response_types_supported: texts(&["code"]),
            subject_types_supported: texts(&["public"]),
        }
    }
}

/// The keys that tokens are checked with (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// One key.
    pub keys: Vec<PublicKey>,
}

/// A P-256 key (RFC 7518, section 6.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// `EC`.
    pub kty: String,
    /// `P-256`.
    pub crv: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// `ES256`.
    pub alg: String,
    /// Names the key in a token's head.
    pub kid: String,
    /// One coordinate, base64url.
    pub x: String,
    /// The other.
    pub y: String,
}

impl KeySet {
    /// The set of one P-256 key.
    pub fn of(id: &str, x: &str, y: &str) -> Self {
        Self {
            keys: vec![PublicKey {
                kty: "EC".to_owned(),
                crv: "P-256".to_owned(),
                usage: "sig".to_owned(),
                alg: "ES256".to_owned(),
                kid: id.to_owned(),
                x: x.to_owned(),
                y: y.to_owned(),
            }],
        }
    }
}

/// A token that was given (RFC 6749, section 5.1). Holds a secret: never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// `Bearer`.
    pub token_type: String,
    /// Seconds.
    pub expires_in: u64,
    /// Seconds in which it is still taken when the authority is away: the same.
    pub ext_expires_in: u64,
    /// The token.
    pub access_token: String,
}

impl TokenAnswer {
    /// A bearer token good for `seconds`.
    pub fn new(token: &str, seconds: u64) -> Self {
        Self {
            token_type: "Bearer".to_owned(),
            expires_in: seconds,
            ext_expires_in: seconds,
            access_token: token.to_owned(),
        }
    }
}

/// A token as a managed identity gets it: numbers are texts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityToken {
    /// The token.
    pub access_token: String,
    /// Seconds since 1970.
    pub expires_on: String,
    /// Seconds.
    pub expires_in: String,
    /// What it is for.
    pub resource: String,
    /// `Bearer`.
    pub token_type: String,
}

impl IdentityToken {
    /// A bearer token for `resource`, good for `seconds`, until `second` since 1970.
    pub fn new(token: &str, resource: &str, seconds: u64, second: i64) -> Self {
        Self {
            access_token: token.to_owned(),
            expires_on: second.to_string(),
            expires_in: seconds.to_string(),
            resource: resource.to_owned(),
            token_type: "Bearer".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuers_fourth_piece_is_the_tenant() {
        let tenant = Uuid::from_u128(7);
        let configuration = OpenIdConfiguration::new("https://h:1", tenant);
        let piece = configuration.issuer.split('/').nth(3);
        assert_eq!(piece, Some(tenant.to_string().as_str()));
    }
}
