//! Tokens to score with, checked with what the route table says and nothing else.
//!
//! A signature costs about as much as the rest of a request, and clients send the
//! same token for hours: one that was good is remembered by its hash, for one rule,
//! until its time is over. The memory is bounded; full, it is emptied.

use std::{
    collections::HashMap,
    fmt,
    sync::{PoisonError, RwLock},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use wharf_core::{
    keys::KeyHash,
    token::{ISSUER, ScoringClaims, TokenFault, TokenRule, is_good_until},
};

/// Most good tokens remembered; each takes about 100 bytes.
const MOST_REMEMBERED: usize = 4_096;
/// Longest token looked at, in bytes; ours have about 500.
const LONGEST: usize = 4_096;

/// Why a token does not score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is none of this endpoint's.
    Wrong,
    /// It was one, or will be.
    OutOfTime,
}

/// The rule of one endpoint, with its keys made ready.
pub(crate) struct Verifier {
    rule: TokenRule,
    /// Names the rule among all rules.
    id: KeyHash,
    keys: Vec<DecodingKey>,
    validation: Validation,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)
    }
}

/// Good tokens: the rule and the hash, and until when.
#[derive(Debug, Default)]
pub(crate) struct Remembered(RwLock<HashMap<(KeyHash, KeyHash), i64>>);

impl Remembered {
    fn until(&self, key: &(KeyHash, KeyHash)) -> Option<i64> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).copied()
    }

    fn put(&self, key: (KeyHash, KeyHash), until: i64) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(key, until);
    }
}

impl Verifier {
    pub(crate) fn new(rule: &TokenRule) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        // Times and names are judged by the rule, with the router's own clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
        validation.set_issuer(&[ISSUER]);
        // A key that is none opens nothing; its place is kept, for the names.
        let keys = rule.issuers.iter().map(|issuer| {
            DecodingKey::from_ec_components(&issuer.x, &issuer.y)
                .unwrap_or_else(|_| DecodingKey::from_ec_der(&[]))
        });
        let text = serde_json::to_string(rule).unwrap_or_default();
        Self {
            id: KeyHash::of(&text),
            keys: keys.collect(),
            rule: rule.clone(),
            validation,
        }
    }

    /// Whether `token` scores at `now_second`, seconds since 1970.
    pub(crate) fn check(
        &self,
        token: &str,
        now_second: i64,
        remembered: &Remembered,
    ) -> Result<(), Fault> {
        if token.len() > LONGEST {
            return Err(Fault::Wrong);
        }
        let key = (self.id, KeyHash::of(token));
        if let Some(until) = remembered.until(&key) {
            let is_good = is_good_until(until, now_second);
            return is_good.then_some(()).ok_or(Fault::OutOfTime);
        }
        let claims = self.verified(token).ok_or(Fault::Wrong)?;
        match self.rule.judge(&claims, now_second) {
            Ok(()) => {
                remembered.put(key, claims.exp);
                Ok(())
            }
            Err(TokenFault::NotForThis) => Err(Fault::Wrong),
            Err(TokenFault::OutOfTime) => Err(Fault::OutOfTime),
        }
    }

    /// What the token says, if an issuer of the rule signed it.
    fn verified(&self, token: &str) -> Option<ScoringClaims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let id = header.kid?;
        let mut issuers = self.rule.issuers.iter();
        let key = &self.keys[issuers.position(|issuer| issuer.id == id)?];
        let read = jsonwebtoken::decode::<ScoringClaims>(token, key, &self.validation);
        Some(read.ok()?.claims)
    }
}
