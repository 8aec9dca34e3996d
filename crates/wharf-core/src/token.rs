//! Tokens to score with: what they say, and what a router needs to judge them.
//!
//! A token is a JWT signed with ES256. The control plane signs; a router holds the
//! public half and the rule of each endpoint, so that it asks nobody.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::keys::{EndpointKeys, KeyHash};

/// How long after it was issued a token should be replaced by a fresh one.
pub const REFRESH_AFTER: Duration = Duration::from_secs(12 * 3600);
/// How long a token stays good past that. The SDK counts on 12 hours, so that a
/// refresh that fails does no harm (`azureml/core/webservice/webservice.py`).
pub const GOOD_PAST_REFRESH: Duration = Duration::from_secs(12 * 3600);
/// How far the clocks of the issuer and of a router may differ, in seconds.
const TOLERANCE_SECONDS: i64 = 300;

/// Who signs tokens to score with: a word of its own, so that a token of the
/// control plane never scores and a token to score with never signs in.
pub const ISSUER: &str = "urn:wharf:scoring";

/// A P-256 public key in the parts that a JWK has (RFC 7518, 6.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIssuer {
    /// Names the key.
    pub id: String,
    /// x, base64url without padding.
    pub x: String,
    /// y, likewise.
    pub y: String,
}

/// Which tokens score on one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRule {
    /// Whom they must be for.
    pub audience: String,
    /// Of which life of the endpoint's keys they must be ([`epoch`]).
    pub epoch: String,
    /// Who may have signed them.
    pub issuers: Vec<TokenIssuer>,
}

/// What a token says. Times are seconds since 1970; the names are those of RFC
/// 7519 but for `epoch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoringClaims {
    /// Always [`ISSUER`].
    pub iss: String,
    /// The endpoint, as [`audience`] spells it.
    pub aud: String,
    /// Who asked for it.
    pub sub: String,
    /// When it was issued.
    pub iat: i64,
    /// Not good before.
    pub nbf: i64,
    /// Good until.
    pub exp: i64,
    /// Of which life of the endpoint's keys it is.
    pub epoch: String,
}

/// What is wrong with a token that is signed well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// It is for something else, or for keys that were regenerated since.
    NotForThis,
    /// Its time is over, or has not come.
    OutOfTime,
}

/// The audience of an endpoint's tokens: its id, so that a later endpoint of the same
/// name does not take them.
pub fn audience(endpoint: &uuid::Uuid) -> String {
    format!("urn:wharf:endpoint:{endpoint}")
}

/// Names the life of an endpoint's keys. It changes when one of them is regenerated,
/// which so is the way to end all tokens at once.
pub fn epoch(keys: &EndpointKeys) -> String {
    let of_both = format!(
        "{}\n{}",
        KeyHash::of(keys.primary.reveal()).hex(),
        KeyHash::of(keys.secondary.reveal()).hex()
    );
    let mut hex = KeyHash::of(&of_both).hex();
    hex.truncate(16);
    hex
}

impl TokenRule {
    /// Judges what a token says that one of the issuers has signed.
    ///
    /// # Errors
    /// The first fault.
    pub fn judge(&self, claims: &ScoringClaims, now_second: i64) -> Result<(), TokenFault> {
        if claims.iss != ISSUER || claims.aud != self.audience || claims.epoch != self.epoch {
            return Err(TokenFault::NotForThis);
        }
        let is_over = !is_good_until(claims.exp, now_second);
        let is_early = claims.nbf.saturating_sub(TOLERANCE_SECONDS) > now_second;
        if is_over || is_early {
            return Err(TokenFault::OutOfTime);
        }
        Ok(())
    }
}

/// Whether what is good until `exp` is good at `now_second`, with the tolerance for
/// clocks that differ.
pub fn is_good_until(exp: i64, now_second: i64) -> bool {
    now_second < exp.saturating_add(TOLERANCE_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn keys(primary: &str, secondary: &str) -> EndpointKeys {
        EndpointKeys {
            primary: Secret::new(primary),
            secondary: Secret::new(secondary),
        }
    }

    #[test]
    fn each_key_is_part_of_the_epoch() {
        let first = epoch(&keys("one", "two"));
        assert_eq!(first.len(), 16);
        assert_eq!(first, epoch(&keys("one", "two")));
        for other in [keys("one", "2"), keys("1", "two"), keys("two", "one")] {
            assert_ne!(first, epoch(&other));
        }
    }

    #[test]
    fn a_token_is_for_one_endpoint_one_epoch_and_a_time() {
        let rule = TokenRule {
            audience: audience(&uuid::Uuid::from_u128(1)),
            epoch: "e".into(),
            issuers: Vec::new(),
        };
        let good = ScoringClaims {
            iss: ISSUER.into(),
            aud: rule.audience.clone(),
            sub: "s".into(),
            iat: 1_000,
            nbf: 1_000,
            exp: 2_000,
            epoch: "e".into(),
        };
        type Change = fn(&mut ScoringClaims);
        let rows: [(Change, i64, Result<(), TokenFault>); 8] = [
            (|_| (), 1_500, Ok(())),
            // Five minutes either way.
            (|_| (), 700, Ok(())),
            (|_| (), 2_299, Ok(())),
            (|_| (), 699, Err(TokenFault::OutOfTime)),
            (|_| (), 2_300, Err(TokenFault::OutOfTime)),
            (
                |it| it.iss = "urn:wharf:tenant".into(),
                1_500,
                Err(TokenFault::NotForThis),
            ),
            (
                |it| it.aud = audience(&uuid::Uuid::from_u128(2)),
                1_500,
                Err(TokenFault::NotForThis),
            ),
            (
                |it| it.epoch = "f".into(),
                1_500,
                Err(TokenFault::NotForThis),
            ),
        ];
        for (change, now, expected) in rows {
            let mut claims = good.clone();
            change(&mut claims);
            assert_eq!(rule.judge(&claims, now), expected, "{claims:?} at {now}");
        }
        for (nbf, exp) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN)] {
            let claims = ScoringClaims {
                nbf,
                exp,
                ..good.clone()
            };
            assert_eq!(rule.judge(&claims, 1_500).is_ok(), nbf < exp);
        }
    }
}
