//! Tokens to score with.

use jiff::Timestamp;
use wharf_core::{
    Error, Kind, Result, Secret,
    endpoint::Authentication,
    token::{GOOD_PAST_REFRESH, ISSUER, REFRESH_AFTER, ScoringClaims, audience, epoch},
    workspace::{Caller, WorkspacePath},
};

use crate::App;

/// A token with its times.
#[derive(Debug)]
pub struct ScoringToken {
    /// What goes into the Authorization header.
    pub token: Secret,
    /// From when on a fresh one should be fetched.
    pub refresh_after: Timestamp,
    /// Until when this one scores.
    pub expires_at: Timestamp,
}

impl App {
    /// A fresh token for an endpoint that asks for tokens, also by the name of a version.
    /// Nothing is kept of it: the router checks it by its signature.
    ///
    /// # Errors
    /// As [`App::endpoint_meant`]; [`wharf_core::Error::Conflict`] when the endpoint
    /// does not ask for tokens.
    pub async fn endpoint_token(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<ScoringToken> {
        let (endpoint, _) = self.endpoint_meant(caller, path, name).await?;
        let why = match endpoint.spec.authentication {
            Authentication::Token => None,
            Authentication::Key => Some(
                "asks for a key and not for a token; score with one of its keys, or update it \
                 with token_auth_enabled=True, auth_enabled=False",
            ),
            Authentication::Open => Some("asks for no token: anybody may score"),
        };
        if let Some(why) = why {
            return Err(Error::conflict(Kind::Endpoint, name, why));
        }
        let keys = self.endpoint_keys(caller, path, name).await?;
        let now = self.now();
        let later = |from: Timestamp, by| {
            from.checked_add(by)
                .map_err(|error| Error::internal(format!("a time of a token: {error}")))
        };
        let refresh_after = later(now, REFRESH_AFTER)?;
        let expires_at = later(refresh_after, GOOD_PAST_REFRESH)?;
        let claims = ScoringClaims {
            iss: ISSUER.to_owned(),
            aud: audience(&endpoint.id),
            sub: caller.principal.id.to_string(),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: expires_at.as_second(),
            epoch: epoch(&keys),
        };
        Ok(ScoringToken {
            token: self.inner.scoring_key.sign(&claims)?,
            refresh_after,
            expires_at,
        })
    }
}
