//! Tokens to score with: checked by the table alone, and nothing gets past it.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use wharf_core::{
    clock::{Clock as _, SystemClock},
    route::{Route, RouteAuthentication},
    token::{ISSUER, TokenIssuer, TokenRule, audience},
};

use crate::{
    client::{SCORE, get},
    model::Model,
    router::{KEY, TestRouter, route, target},
};

/// A control plane that signs.
struct Signer {
    key: EncodingKey,
    /// The public point in PEM, as a forger would use it for an HMAC.
    public_pem: String,
    issuer: TokenIssuer,
}

impl Signer {
    fn new(id: &str) -> Self {
        let pair = rcgen::KeyPair::generate().unwrap();
        let point = pair.public_key_raw();
        Self {
            key: EncodingKey::from_ec_der(&pair.serialize_der()),
            public_pem: pair.public_key_pem(),
            issuer: TokenIssuer {
                id: id.to_owned(),
                x: URL_SAFE_NO_PAD.encode(&point[1..33]),
                y: URL_SAFE_NO_PAD.encode(&point[33..]),
            },
        }
    }

    fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.issuer.id.clone());
        header
    }

    fn token(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&self.header(), claims, &self.key).unwrap()
    }
}

fn endpoint(number: u128) -> String {
    audience(&uuid::Uuid::from_u128(number))
}

/// Claims that are good for endpoint 1 now, with some changed.
fn claims(changes: &Value) -> Value {
    let now = SystemClock.now().as_second();
    let mut claims = json!({
        "iss": ISSUER, "aud": endpoint(1), "sub": "somebody",
        "iat": now, "nbf": now, "exp": now + 3_600, "epoch": "e1",
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn with_tokens(signers: &[&Signer], epoch: &str) -> Route {
    Route {
        authentication: RouteAuthentication::Tokens(TokenRule {
            audience: endpoint(1),
            epoch: epoch.to_owned(),
            issuers: signers.iter().map(|it| it.issuer.clone()).collect(),
        }),
        ..route("iris", vec![target(1)])
    }
}

async fn status(router: &TestRouter, credential: &str) -> u16 {
    let value = format!("Bearer {credential}");
    router
        .ask(get(SCORE, &[("authorization", &value)]))
        .await
        .status
        .into()
}

fn parts(token: &str) -> [&str; 3] {
    let mut parts = token.split('.');
    [(); 3].map(|()| parts.next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_scores_again_and_again_and_does_not_reach_the_model() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let signer = Signer::new("k1");
    router.change(vec![with_tokens(&[&signer], "e1")]).await;
    let value = format!("Bearer {}", signer.token(&claims(&json!({}))));
    for mut client in [router.client().await, router.client2().await] {
        for _ in 0..2 {
            let reply = client.ask(get(SCORE, &[("authorization", &value)])).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(reply.json()["headers"].get("authorization"), None);
        }
    }
    // Clocks may differ by five minutes.
    let now = SystemClock.now().as_second();
    for changes in [json!({"exp": now - 240}), json!({"nbf": now + 240})] {
        let token = signer.token(&claims(&changes));
        assert_eq!(status(&router, &token).await, 200, "{changes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_is_401() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let (signer, stranger) = (Signer::new("k1"), Signer::new("k1"));
    router.change(vec![with_tokens(&[&signer], "e1")]).await;
    let good = signer.token(&claims(&json!({})));
    let [header, payload, signature] = parts(&good);
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let with_header = |value: Value| format!("{}.{payload}.{signature}", encoded(&value));
    let hmac = |algorithm| {
        let mut header = Header::new(algorithm);
        header.kid = Some("k1".to_owned());
        let secret = EncodingKey::from_secret(signer.public_pem.as_bytes());
        jsonwebtoken::encode(&header, &claims(&json!({})), &secret).unwrap()
    };
    let signed = |changes: Value| signer.token(&claims(&changes));
    let now = SystemClock.now().as_second();
    let mut other_name = signer.header();
    other_name.kid = Some("../k1".to_owned());
    let mut nameless = signer.header();
    nameless.kid = None;
    let again =
        |header: &Header| jsonwebtoken::encode(header, &claims(&json!({})), &signer.key).unwrap();
    let twice = {
        let text = claims(&json!({})).to_string();
        let text = text.replacen('{', &format!("{{\"aud\":\"{}\",", endpoint(1)), 1);
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(text));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &signer.key, Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    };
    let rows = [
        ("a key", KEY.to_owned()),
        ("no JWT", "opaque".to_owned()),
        ("empty parts", "..".to_owned()),
        (
            "alg none",
            format!(
                "{}.{payload}.",
                encoded(&json!({"alg": "none", "kid": "k1"}))
            ),
        ),
        (
            "alg none, signed",
            with_header(json!({"alg": "none", "kid": "k1"})),
        ),
        (
            "another alg",
            with_header(json!({"alg": "ES384", "kid": "k1"})),
        ),
        ("HS256 with the public key", hmac(Algorithm::HS256)),
        ("HS512 with the public key", hmac(Algorithm::HS512)),
        ("another key", stranger.token(&claims(&json!({})))),
        ("a kid that is a path", again(&other_name)),
        ("no kid", again(&nameless)),
        (
            "a key that it brings along",
            with_header(
                json!({"alg": "ES256", "kid": "k1", "jku": "https://localhost/k",
                "jwk": {"kty": "EC", "crv": "P-256"}}),
            ),
        ),
        ("cut", good[..good.len() - 1].to_owned()),
        ("without a signature", format!("{header}.{payload}.")),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.x")),
        (
            "other claims",
            format!(
                "{header}.{}.{signature}",
                encoded(&claims(&json!({"exp": now + 9_999})))
            ),
        ),
        ("another endpoint", signed(json!({"aud": endpoint(2)}))),
        (
            "many endpoints",
            signed(json!({"aud": [endpoint(1), endpoint(2)]})),
        ),
        ("the control plane's", signed(json!({"iss": "urn:wharf:0"}))),
        ("older keys", signed(json!({"epoch": "e0"}))),
        ("expired", signed(json!({"exp": now - 301}))),
        ("not yet", signed(json!({"nbf": now + 301 + 60}))),
        ("no end", signed(json!({"exp": null}))),
        ("no audience", signed(json!({"aud": null}))),
        ("no epoch", signed(json!({"epoch": null}))),
        ("an end that is no number", signed(json!({"exp": "never"}))),
        ("an end beyond numbers", signed(json!({"exp": 1e300}))),
        ("a claim twice", twice),
        ("long", format!("{good}{}", "x".repeat(10_000))),
    ];
    for (what, token) in rows {
        assert_eq!(status(&router, &token).await, 401, "{what}");
    }
    // Beyond the limit of a head, nobody looks at it.
    let huge = format!("{good}{}", "x".repeat(1 << 20));
    assert_eq!(status(&router, &huge).await, 431);
    assert_eq!(model.count(), 0);
    assert_eq!(status(&router, &good).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_helps_and_repeats_nothing() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let signer = Signer::new("k1");
    router.change(vec![with_tokens(&[&signer], "e1")]).await;
    let now = SystemClock.now().as_second();
    let late = format!(
        "Bearer {}",
        signer.token(&claims(&json!({"exp": now - 900})))
    );
    for (headers, expected) in [
        (vec![], "Send 'Authorization: Bearer <token>'"),
        (vec![("authorization", "Basic x")], "'Bearer <token>'"),
        (vec![("authorization", "Bearer abc")], "get_access_token"),
        (vec![("authorization", late.as_str())], "Get a fresh one"),
    ] {
        let reply = router.ask(get(SCORE, &headers)).await;
        assert_eq!(reply.status, 401);
        assert!(reply.message().contains(expected), "{}", reply.message());
        assert!(!reply.text().contains("abc"), "{}", reply.text());
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_good_is_forgotten_with_its_rule() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let (old, new) = (Signer::new("k1"), Signer::new("k2"));
    let token = old.token(&claims(&json!({})));
    let fresh = new.token(&claims(&json!({"epoch": "e2"})));
    for (signers, epoch, old_status, new_status) in [
        (vec![&old], "e1", 200, 401),
        // A second signer is added, then the first one goes.
        (vec![&old, &new], "e1", 200, 401),
        (vec![&old, &new], "e2", 401, 200),
        (vec![&new], "e1", 401, 401),
        (vec![&old], "e1", 200, 401),
    ] {
        router.change(vec![with_tokens(&signers, epoch)]).await;
        for _ in 0..2 {
            assert_eq!(status(&router, &token).await, old_status, "{epoch}");
            assert_eq!(status(&router, &fresh).await, new_status, "{epoch}");
        }
    }
    // From tokens to keys and back.
    router.change(vec![route("iris", vec![target(1)])]).await;
    assert_eq!(status(&router, &token).await, 401);
    assert_eq!(status(&router, KEY).await, 200);
    router.change(vec![with_tokens(&[&old], "e1")]).await;
    assert_eq!(status(&router, KEY).await, 401);
    assert_eq!(status(&router, &token).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tokens_than_are_remembered_all_score() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let signer = Signer::new("k1");
    router.change(vec![with_tokens(&[&signer], "e1")]).await;
    let router = Arc::new(router);
    let mut client = router.client().await;
    for number in 0..4_200 {
        let token = signer.token(&claims(&json!({"sub": number.to_string()})));
        let value = format!("Bearer {token}");
        let reply = client
            .ask(get("/api/v1/service/iris", &[("authorization", &value)]))
            .await;
        assert_eq!(reply.status, 200, "{number}");
    }
}
