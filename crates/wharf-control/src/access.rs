//! Who asks: sign-in and the check of tokens.

use std::time::Duration;

use jiff::Timestamp;
use wharf_core::{Result, Secret, workspace::Caller};

use crate::App;

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
        let _ = (client_id, secret, audience);
        todo!()
    }

    /// Gives a token to whoever knows the administrator's secret, without a client
    /// id: what a managed identity's endpoint does (`MSI_SECRET`).
    ///
    /// # Errors
    /// As [`App::sign_in_client`].
    pub async fn sign_in_identity(&self, secret: &Secret, audience: &str) -> Result<IssuedToken> {
        let _ = (secret, audience);
        todo!()
    }

    /// Checks a bearer token. A token seen before costs one look into a table.
    ///
    /// # Errors
    /// [`wharf_core::Error::Unauthenticated`].
    pub fn authenticate(&self, bearer: &str) -> Result<Caller> {
        let _ = bearer;
        todo!()
    }

    /// The public key that tokens are checked with, as a JWK.
    pub fn public_key(&self) -> crate::token::PublicKey {
        todo!()
    }
}
