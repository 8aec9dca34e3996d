//! Tokens that nobody should get in with, made with the server's own key or without.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uuid::Uuid;
use wharf_control::{testing::TestApp, token::TokenKey};

use crate::surface::PUBLIC_URL;

/// Signs whatever it is told to.
pub(crate) struct Forger {
    pair: EcdsaKeyPair,
    header: Value,
    claims: Value,
    now: i64,
}

fn part(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// `base` with the members of `changes`; `null` takes one away.
fn with(base: &Value, changes: Value) -> Value {
    let mut merged = base.as_object().expect("an object").clone();
    let Value::Object(changes) = changes else {
        panic!("changes are an object");
    };
    for (name, value) in changes {
        match value {
            Value::Null => drop(merged.remove(&name)),
            value => drop(merged.insert(name, value)),
        }
    }
    merged.into()
}

impl Forger {
    /// With the key that signs the tokens of `test`.
    pub(crate) fn new(test: &TestApp) -> Self {
        let der = test.token_key_der();
        let administrator = test.app.administrator();
        let now = wharf_core::clock::Clock::now(&*test.clock).as_second();
        let key = TokenKey::from_pkcs8(der).expect("the key");
        Self {
            pair: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).expect("a pair"),
            header: json!({"alg": "ES256", "typ": "JWT", "kid": key.public().id}),
            claims: json!({
                "aud": format!("{PUBLIC_URL}/"),
                "iss": format!("urn:wharf:{}", administrator.tenant),
                "iat": now, "nbf": now, "exp": now + 600,
                "tid": administrator.tenant, "oid": administrator.principal,
                "sub": administrator.principal, "appid": administrator.client_id,
                "name": "administrator",
            }),
            now,
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// A token with other claims, signed well.
    pub(crate) fn token(&self, changes: Value) -> String {
        self.signed(
            &self.header.to_string(),
            &with(&self.claims, changes).to_string(),
        )
    }

    fn signed(&self, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn headed(&self, changes: Value) -> String {
        self.signed(
            &with(&self.header, changes).to_string(),
            &self.claims.to_string(),
        )
    }

    /// Signed with HMAC, the public key being the secret.
    fn hmac(&self, algorithm: &str, key: &[u8]) -> String {
        let header = with(&self.header, json!({"alg": algorithm}));
        let text = format!(
            "{}.{}",
            part(&header.to_string()),
            part(&self.claims.to_string())
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// All that is wrong with a token, each with a name; `good` is a good one.
    pub(crate) fn forgeries(&self, good: &str) -> Vec<(String, String)> {
        let (head, rest) = good.split_once('.').expect("three parts");
        let (body, signature) = rest.split_once('.').expect("three parts");
        let mut forged = Vec::new();
        let mut add = |what: &str, token: String| forged.push((what.to_owned(), token));
        let point = self.pair.public_key().as_ref().to_vec();
        for algorithm in [
            "none", "None", "NONE", "nOnE", "", "ES384", "RS256", "PS256", "EdDSA",
        ] {
            let header = part(&with(&self.header, json!({"alg": algorithm})).to_string());
            add(
                &format!("alg {algorithm}"),
                format!("{header}.{body}.{signature}"),
            );
            add(
                &format!("alg {algorithm}, unsigned"),
                format!("{header}.{body}."),
            );
        }
        for algorithm in ["HS256", "HS384", "HS512"] {
            add("HMAC with the point", self.hmac(algorithm, &point));
            add("HMAC with x and y", self.hmac(algorithm, &point[1..]));
            add("HMAC with nothing", self.hmac(algorithm, b""));
        }
        for kid in [
            "../../../dev/null",
            "/dev/null",
            "' OR 1=1 --",
            "",
            "\u{0}",
            "token.key",
        ] {
            add(&format!("kid {kid:?}"), self.headed(json!({"kid": kid})));
        }
        add("no kid", self.headed(json!({"kid": null})));
        add("kid that is a number", self.headed(json!({"kid": 1})));
        // Another's key, offered along with the token.
        let other = TokenKey::generate().expect("a key");
        let other = Self {
            pair: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &other)
                .expect("a pair"),
            header: self.header.clone(),
            claims: self.claims.clone(),
            now: self.now,
        };
        let point = other.pair.public_key().as_ref();
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..])});
        for (name, value) in [
            ("jwk", jwk),
            ("jku", json!("https://attacker.example/keys")),
            ("x5u", json!("https://attacker.example/certificate")),
            ("x5c", json!(["AAAA"])),
            ("typ", json!("JWT")),
        ] {
            add(
                &format!("another's key, {name}"),
                other.headed(json!({name: value})),
            );
        }
        let now = self.now;
        for (what, changes) in [
            ("expired", json!({"exp": now})),
            ("expired long ago", json!({"exp": 0})),
            ("exp that is negative", json!({"exp": -1})),
            ("exp that is a text", json!({"exp": "9999999999"})),
            ("exp that is huge", json!({"exp": 1e300})),
            ("no exp", json!({"exp": null})),
            ("not yet", json!({"nbf": now + 3_600})),
            ("no nbf", json!({"nbf": null})),
            (
                "another audience",
                json!({"aud": "https://elsewhere.example"}),
            ),
            (
                "our host, another port",
                json!({"aud": "https://localhost:1/"}),
            ),
            (
                "a longer host",
                json!({"aud": format!("{PUBLIC_URL}.elsewhere.example")}),
            ),
            (
                "audiences",
                json!({"aud": [PUBLIC_URL, "https://elsewhere.example"]}),
            ),
            ("no audience", json!({"aud": null})),
            (
                "another issuer",
                json!({"iss": "https://elsewhere.example"}),
            ),
            ("no issuer", json!({"iss": null})),
            ("another tenant", json!({"tid": Uuid::from_u128(9)})),
            ("no tenant", json!({"tid": null})),
            ("another principal", json!({"oid": Uuid::from_u128(9)})),
            ("no principal", json!({"oid": null})),
        ] {
            add(what, self.token(changes));
        }
        let claims = self.claims.to_string();
        let open = claims.strip_suffix('}').expect("an object");
        let header = self.header.to_string();
        for name in ["exp", "oid", "tid", "aud"] {
            let twice = format!("{open},\"{name}\":{}}}", self.claims[name]);
            add(&format!("{name} twice"), self.signed(&header, &twice));
        }
        add("claims that are no JSON", self.signed(&header, "exp"));
        add("claims that are a list", self.signed(&header, "[]"));
        add("a header that is no JSON", self.signed("alg", &claims));
        let long = with(&self.claims, json!({"name": "x".repeat(1 << 20)})).to_string();
        add("1 MB", self.signed(&header, &long));
        let long = with(&self.claims, json!({"name": "x".repeat(9_000)})).to_string();
        add("9 KB", self.signed(&header, &long));
        for token in [
            "", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "null", "é.é.é",
        ] {
            add(&format!("{token:?}"), token.to_owned());
        }
        add("without a signature", format!("{head}.{body}."));
        add("without claims", format!("{head}..{signature}"));
        add("a part more", format!("{good}.{signature}"));
        add("cut", good[..good.len() - 1].to_owned());
        add("padded", format!("{good}="));
        forged
    }
}
