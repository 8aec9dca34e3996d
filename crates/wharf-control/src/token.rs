//! Tokens: JWTs signed with ES256 by a key that lives as long as the data
//! directory. Clients read `exp` and `tid` without a check; the server alone
//! checks signatures.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wharf_core::{Error, Result, Secret, digest::Digest, token::TokenIssuer, workspace::Principal};

/// Most checked tokens remembered; a full memory is emptied, which costs one
/// signature check per token still in use.
const MOST_REMEMBERED: usize = 4_096;
/// Longest token looked at, in bytes; ours have about 700.
const LONGEST_TOKEN: usize = 8_192;
/// How far the clock of whoever signed a token may be ahead. Ours alone sign them, but
/// clocks are set back.
const SKEW: i64 = 300;
/// Uncompressed point of P-256: a tag byte, then x and y of 32 bytes each.
const POINT_BYTES: usize = 65;

/// The private key that signs tokens (ES256).
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    public: TokenIssuer,
}

impl TokenKey {
    /// A fresh key as PKCS#8 DER, to be kept by the caller.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Vec<u8>> {
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map(|document| document.as_ref().to_vec())
            .map_err(|_| Error::internal("no key for tokens could be made"))
    }

    /// Reads a key that [`TokenKey::generate`] made.
    ///
    /// # Errors
    /// When the bytes are no such key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let broken = || Error::internal("the key for tokens is not a P-256 key in PKCS#8");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| broken())?;
        let point = pair.public_key().as_ref();
        if point.len() != POINT_BYTES {
            return Err(broken());
        }
        let mut id = Digest::of(point).to_string();
        id.truncate(16);
        let public = TokenIssuer {
            // Begins the SHA-256 of the public point.
            id,
            x: URL_SAFE_NO_PAD.encode(&point[1..33]),
            y: URL_SAFE_NO_PAD.encode(&point[33..]),
        };
        let decoding =
            DecodingKey::from_ec_components(&public.x, &public.y).map_err(|_| broken())?;
        Ok(Self {
            encoding: EncodingKey::from_ec_der(der),
            decoding,
            public,
        })
    }

    /// The public half.
    pub fn public(&self) -> &TokenIssuer {
        &self.public
    }

    /// A token that says `claims`.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<Secret> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.public.id.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding)
            .map(Secret::new)
            .map_err(|error| Error::internal(format!("signing a token: {error}")))
    }
}

/// The key that signs, and those that signed before it.
pub struct TokenKeys {
    /// Signs, and is published.
    pub current: TokenKey,
    /// Keys of before, each with the time until which its tokens are taken: whoever
    /// stole one signs for no longer than that.
    pub previous: Vec<(TokenKey, Timestamp)>,
}

impl From<TokenKey> for TokenKeys {
    fn from(current: TokenKey) -> Self {
        Self {
            current,
            previous: Vec::new(),
        }
    }
}

/// What a token says; the names are those of Microsoft's access tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    tid: Uuid,
    oid: Uuid,
    sub: Uuid,
    appid: Uuid,
    name: String,
}

/// A checked token: who it is, and until when it is taken.
#[derive(Clone)]
struct Checked {
    principal: Principal,
    expires: i64,
}

/// Makes and checks tokens.
pub(crate) struct Tokens {
    keys: TokenKeys,
    tenant: Uuid,
    lifetime: Duration,
    validation: Validation,
    /// What a token of the control plane is for; see [`canonical_audience`].
    audience: String,
    remembered: RwLock<HashMap<String, Checked>>,
}

impl Tokens {
    pub(crate) fn new(keys: TokenKeys, tenant: Uuid, lifetime: Duration, public_url: &str) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        // Times are compared with the injected clock below, and the audience without
        // its slashes.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss"]);
        validation.set_issuer(&[issuer(tenant)]);
        Self {
            keys,
            tenant,
            lifetime,
            validation,
            audience: canonical_audience(public_url),
            remembered: RwLock::default(),
        }
    }

    pub(crate) fn public_key(&self) -> &TokenIssuer {
        &self.keys.current.public
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(crate) fn issue(
        &self,
        principal: &Principal,
        audience: &str,
        now: Timestamp,
    ) -> Result<(Secret, Timestamp)> {
        let expires_at = now
            .checked_add(self.lifetime)
            .map_err(|error| Error::internal(format!("end of a token: {error}")))?;
        let claims = Claims {
            aud: audience.to_owned(),
            iss: issuer(self.tenant),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: expires_at.as_second(),
            tid: self.tenant,
            oid: principal.id,
            sub: principal.id,
            appid: principal.client_id,
            name: principal.display_name.clone(),
        };
        Ok((self.keys.current.sign(&claims)?, expires_at))
    }

    /// Who a token is for, and in which tenant.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<(Principal, Uuid)> {
        let second = now.as_second();
        let remembered = self
            .remembered
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(token)
            .cloned();
        if let Some(checked) = remembered {
            return if second < checked.expires {
                Ok((checked.principal, self.tenant))
            } else {
                Err(expired())
            };
        }
        let checked = self.check_anew(token, now)?;
        let mut remembered = self
            .remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(token.to_owned(), checked.clone());
        Ok((checked.principal, self.tenant))
    }

    fn check_anew(&self, token: &str, now: Timestamp) -> Result<Checked> {
        let second = now.as_second();
        if token.len() > LONGEST_TOKEN {
            return Err(refused(
                "the token is too long to be one of this server's",
                false,
            ));
        }
        let malformed = || refused("the token is not a JWT of this server", false);
        let header = jsonwebtoken::decode_header(token).map_err(|_| malformed())?;
        // Where to find a key is ours to know: `jku`, `x5u` and `jwk` are never read.
        if header.alg != Algorithm::ES256 {
            return Err(malformed());
        }
        let (key, until) = self.key_named(header.kid.as_deref(), now).ok_or_else(|| {
            refused(
                "the token was signed with a key that this server does not use any more; sign in \
                 again",
                true,
            )
        })?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation)
            .map_err(|_| malformed())?
            .claims;
        if second >= claims.exp {
            return Err(expired());
        }
        if claims.nbf > second + SKEW {
            return Err(refused("the token is not good yet", false));
        }
        if claims.tid != self.tenant {
            return Err(refused("the token is for another tenant", false));
        }
        if canonical_audience(&claims.aud) != self.audience {
            return Err(refused(
                "the token is for another audience; ask for one with scope `/.default` of this \
                 server's address",
                false,
            ));
        }
        Ok(Checked {
            principal: Principal {
                id: claims.oid,
                client_id: claims.appid,
                display_name: claims.name,
            },
            expires: until.map_or(claims.exp, |until| claims.exp.min(until.as_second())),
        })
    }

    /// The key of a token's header, and until when tokens of a replaced one are taken.
    fn key_named(
        &self,
        id: Option<&str>,
        now: Timestamp,
    ) -> Option<(&TokenKey, Option<Timestamp>)> {
        let id = id?;
        if id == self.keys.current.public.id {
            return Some((&self.keys.current, None));
        }
        let previous = self.keys.previous.iter();
        let mut good = previous.filter(|(key, until)| key.public.id == id && now < *until);
        good.next().map(|(key, until)| (key, Some(*until)))
    }
}

/// Clients differ in slashes at the end and in case: `https://HOST:PORT`,
/// `https://HOST:PORT/` and what is left of `https://HOST:PORT//.default` are one.
fn canonical_audience(audience: &str) -> String {
    audience.trim_end_matches('/').to_ascii_lowercase()
}

fn issuer(tenant: Uuid) -> String {
    format!("urn:wharf:{tenant}")
}

fn refused(why: &str, stale_key: bool) -> Error {
    Error::Unauthenticated {
        why: why.to_owned(),
        stale_key,
    }
}

fn expired() -> Error {
    refused("the token has expired; sign in again", false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        let der = TokenKey::generate().expect("a key");
        let key = TokenKey::from_pkcs8(&der).expect("the same key");
        with_keys(key.into())
    }

    fn with_keys(keys: TokenKeys) -> Tokens {
        Tokens::new(
            keys,
            Uuid::from_u128(7),
            Duration::from_secs(3600),
            "https://x:8443",
        )
    }

    fn principal() -> Principal {
        Principal {
            id: Uuid::from_u128(1),
            client_id: Uuid::from_u128(2),
            display_name: "administrator".into(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_token_is_good_until_it_expires_also_when_remembered() {
        let tokens = tokens();
        let (token, expires) = tokens
            .issue(&principal(), "https://x:8443/", at(1_000))
            .expect("a token");
        assert_eq!(expires, at(4_600));
        for _ in 0..2 {
            let checked = tokens.check(token.reveal(), at(4_599)).expect("good");
            assert_eq!(checked, (principal(), Uuid::from_u128(7)));
        }
        assert!(matches!(
            tokens.check(token.reveal(), at(4_600)),
            Err(Error::Unauthenticated {
                stale_key: false,
                ..
            })
        ));
    }

    #[test]
    fn a_changed_key_asks_for_a_fresh_sign_in() {
        let (token, _) = tokens()
            .issue(&principal(), "https://x:8443/", at(1_000))
            .expect("a token");
        assert!(matches!(
            tokens().check(token.reveal(), at(1_001)),
            Err(Error::Unauthenticated {
                stale_key: true,
                ..
            })
        ));
    }

    #[test]
    fn what_was_tampered_with_is_refused() {
        let tokens = tokens();
        let (token, _) = tokens
            .issue(&principal(), "https://x:8443/", at(1_000))
            .expect("a token");
        let parts: Vec<_> = token.reveal().split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let hmac = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).expect("base64"))
            .expect("text")
            .replace("administrator", "somebody else");
        let claims = URL_SAFE_NO_PAD.encode(claims);
        for bad in [
            String::new(),
            "opaque".into(),
            "a.b.c".into(),
            format!("{none}.{}.", parts[1]),
            format!("{hmac}.{}.{}", parts[1], parts[2]),
            format!("{}.{claims}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            "x".repeat(LONGEST_TOKEN + 1),
        ] {
            assert!(
                matches!(
                    tokens.check(&bad, at(1_001)),
                    Err(Error::Unauthenticated { .. })
                ),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_audience_may_end_as_clients_end_it() {
        let tokens = tokens();
        for (audience, is_ours) in [
            ("https://x:8443", true),
            ("https://x:8443/", true),
            ("https://X:8443//", true),
            ("https://x", false),
            ("https://x:844", false),
            ("https://x:8443.evil.example", false),
            ("https://x:8443/other", false),
            ("", false),
        ] {
            let (token, _) = tokens
                .issue(&principal(), audience, at(1_000))
                .expect("a token");
            let checked = tokens.check(token.reveal(), at(1_001));
            assert_eq!(checked.is_ok(), is_ours, "{audience}");
        }
    }

    #[test]
    fn a_replaced_key_opens_until_its_end_and_signs_nothing() {
        let (old, new) = (TokenKey::generate(), TokenKey::generate());
        let (old, new) = (old.expect("a key"), new.expect("a key"));
        let key = |der: &[u8]| TokenKey::from_pkcs8(der).expect("the key");
        let before = with_keys(key(&old).into());
        let (token, _) = before
            .issue(&principal(), "https://x:8443", at(1_000))
            .expect("a token");
        let after = |until| {
            with_keys(TokenKeys {
                current: key(&new),
                previous: vec![(key(&old), at(until))],
            })
        };
        // Until the token's own end, or the key's, whichever comes first.
        for (until, good, bad) in [(90_000, 4_599, 4_600), (3_000, 2_999, 3_000)] {
            let tokens = after(until);
            assert!(tokens.check(token.reveal(), at(good)).is_ok());
            assert!(tokens.check(token.reveal(), at(bad)).is_err());
            assert!(after(until).check(token.reveal(), at(bad)).is_err());
            assert_eq!(tokens.public_key(), key(&new).public());
        }
    }
}
