//! Who asks: sign-in and the check of tokens.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{Error, Result, Secret, token::TokenIssuer, workspace::Caller};

use crate::{App, bootstrap::is_secret};

/// A token that was given out.
#[derive(Debug, Clone)]
pub struct IssuedToken {
    /// The token, a JWT.
    pub token: Secret,
    /// How long it is good.
    pub expires_in: Duration,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

impl App {
    /// Signs in with a client id and its secret. `audience` goes into the token.
    ///
    /// # Errors
    /// [`wharf_core::Error::Unauthenticated`] for a wrong id or secret, without
    /// telling which.
    pub async fn sign_in_client(
        &self,
        client_id: &str,
        secret: &Secret,
        audience: &str,
    ) -> Result<IssuedToken> {
        let refused = || Error::Unauthenticated {
            why: "the client id or the client secret is wrong; `wharf env` and admin.json in the \
                  data directory hold those of the administrator"
                .to_owned(),
            stale_key: false,
        };
        let client_id: Uuid = client_id.parse().map_err(|_| refused())?;
        let issued = self.issue_to(&client_id, secret, audience).await?;
        issued.ok_or_else(refused)
    }

    /// Signs in with a principal's name, or its client id, and its secret: what OAuth's
    /// password grant sends.
    ///
    /// # Errors
    /// As [`App::sign_in_client`].
    pub async fn sign_in_name(
        &self,
        name: &str,
        secret: &Secret,
        audience: &str,
    ) -> Result<IssuedToken> {
        let refused = || Error::Unauthenticated {
            why: "the user name or the password is wrong; they are the name of a principal, or \
                  its client id, and its secret"
                .to_owned(),
            stale_key: false,
        };
        let known = self.store().read().await?.principal_by_name(name).await?;
        let client_id = match known {
            Some(principal) => principal.client_id,
            None => name.parse().map_err(|_| refused())?,
        };
        let issued = self.issue_to(&client_id, secret, audience).await?;
        issued.ok_or_else(refused)
    }

    /// A token for whoever knows the secret; `None` when it or the client is wrong.
    async fn issue_to(
        &self,
        client_id: &Uuid,
        secret: &Secret,
        audience: &str,
    ) -> Result<Option<IssuedToken>> {
        let mut session = self.store().read().await?;
        let Some((principal, hash)) = session.principal_by_client(client_id).await? else {
            return Ok(None);
        };
        if !is_secret(secret, &hash) {
            return Ok(None);
        }
        let (token, expires_at) = self.inner.tokens.issue(&principal, audience, self.now())?;
        Ok(Some(IssuedToken {
            token,
            expires_in: self.inner.tokens.lifetime(),
            expires_at,
        }))
    }

    /// Gives a token to whoever knows the administrator's secret, without a client
    /// id: what a managed identity's endpoint does (`MSI_SECRET`).
    ///
    /// # Errors
    /// As [`App::sign_in_client`].
    pub async fn sign_in_identity(&self, secret: &Secret, audience: &str) -> Result<IssuedToken> {
        let client_id = self.inner.administrator.client_id.to_string();
        self.sign_in_client(&client_id, secret, audience).await
    }

    /// Checks a bearer token. A token seen before costs one look into a table.
    ///
    /// # Errors
    /// [`wharf_core::Error::Unauthenticated`]; [`wharf_core::Error::Unavailable`] while
    /// nobody can be looked up.
    pub async fn authenticate(&self, bearer: &str) -> Result<Caller> {
        let (principal, tenant) = self.inner.tokens.check(bearer, self.now())?;
        let access = &self.inner.access;
        let Some(assignments) = access.of(self.store(), &principal.id).await? else {
            return Err(Error::Unauthenticated {
                why: "the principal of this token is not there any more".to_owned(),
                stale_key: false,
            });
        };
        Ok(Caller {
            principal,
            tenant,
            assignments,
        })
    }

    /// The public key that tokens are signed with now, as a JWK.
    pub fn public_key(&self) -> &TokenIssuer {
        self.inner.tokens.public_key()
    }
}
