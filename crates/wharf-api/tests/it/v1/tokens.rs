//! Tokens to score with: who gets one, and what an update makes of them.

use serde_json::{Value, json};
use wharf_core::route::RouteAuthentication;

use super::services::{create_body, ended, ready};
use crate::{
    snapshot::assert_answer,
    surface::{Answer, Surface},
};

async fn deployed(key: Value, token: Value) -> Surface {
    let surface = ready().await;
    let mut body = create_body("iris");
    body["authEnabled"] = key;
    body["aadAuthEnabled"] = token;
    let ask = surface.ask("POST", &surface.mms("/services"));
    let created = ask.json(&body).send().await;
    assert_eq!(created.status, 201, "{}", created.text());
    ended(&surface, &created).await;
    surface
}

async fn token(surface: &Surface) -> Answer {
    let path = surface.mms("/services/iris/token");
    surface.ask("POST", &path).send().await
}

async fn patch(surface: &Surface, flags: &[(&str, bool)]) -> Answer {
    let operations = flags
        .iter()
        .map(|(name, value)| json!({"op": "replace", "path": format!("/{name}"), "value": value}));
    let operations: Vec<_> = operations.collect();
    let ask = surface.ask("PATCH", &surface.mms("/services/iris"));
    ask.json(&json!(operations)).send().await
}

async fn flags(surface: &Surface) -> (Value, Value) {
    let shown = surface.ask("GET", &surface.mms("/services/iris"));
    let shown = shown.send().await.good();
    (
        shown["authEnabled"].clone(),
        shown["aadAuthEnabled"].clone(),
    )
}

fn rule(surface: &Surface) -> RouteAuthentication {
    let table = surface.test.app.routes().borrow().clone();
    table.routes["iris"].authentication.clone()
}

#[tokio::test]
async fn a_token_is_good_for_twelve_hours_past_its_refresh() {
    let surface = deployed(Value::Null, json!(true)).await;
    assert_eq!(flags(&surface).await, (json!(false), json!(true)));
    assert!(matches!(rule(&surface), RouteAuthentication::Tokens(_)));
    let answer = token(&surface).await;
    assert_answer("ok", &answer);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = answer.good();
    let time = |name: &str| answer[name].as_i64().expect("seconds since 1970");
    assert_eq!(time("expiryOn") - time("refreshAfter"), 12 * 3_600);
    // It never signs in, and a token to sign in with never is one.
    let scoring = answer["accessToken"].as_str().expect("a token");
    let path = surface.mms("/services/iris");
    let refused = surface
        .ask_nobody("GET", &path)
        .header("authorization", &format!("Bearer {scoring}"))
        .send()
        .await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn who_asks_for_no_token_gets_none() {
    for (key, wanted) in [
        (json!(true), "score with one of its keys"),
        (json!(false), "anybody"),
    ] {
        let surface = deployed(key.clone(), Value::Null).await;
        let answer = token(&surface).await;
        assert_eq!(answer.status, 409, "{}", answer.text());
        assert!(answer.text().contains(wanted), "{}", answer.text());
        if key == json!(true) {
            assert_answer("keys", &answer);
        }
    }
    let surface = ready().await;
    assert_eq!(token(&surface).await.status, 404);
}

#[tokio::test]
async fn one_way_of_authentication_at_a_time() {
    let surface = ready().await;
    let mut body = create_body("iris");
    body["authEnabled"] = json!(true);
    body["aadAuthEnabled"] = json!(true);
    let ask = surface.ask("POST", &surface.mms("/services"));
    let refused = ask.json(&body).send().await;
    assert_eq!(refused.refused_fields(), ["aadAuthEnabled"]);

    let surface = deployed(Value::Null, Value::Null).await;
    let refused = patch(&surface, &[("aadAuthEnabled", true)]).await;
    assert_eq!(refused.refused_fields(), ["aadAuthEnabled"]);
    let on = patch(
        &surface,
        &[("aadAuthEnabled", true), ("authEnabled", false)],
    )
    .await;
    ended(&surface, &on).await;
    assert_eq!(flags(&surface).await, (json!(false), json!(true)));
    assert!(matches!(rule(&surface), RouteAuthentication::Tokens(_)));
    let refused = patch(&surface, &[("authEnabled", true)]).await;
    assert_eq!(refused.refused_fields(), ["aadAuthEnabled"]);
    let off = patch(
        &surface,
        &[("authEnabled", true), ("aadAuthEnabled", false)],
    )
    .await;
    ended(&surface, &off).await;
    assert!(matches!(rule(&surface), RouteAuthentication::Keys(_)));
    let open = patch(&surface, &[("authEnabled", false)]).await;
    ended(&surface, &open).await;
    assert_eq!(rule(&surface), RouteAuthentication::Open);
}

#[tokio::test]
async fn regenerating_a_key_ends_all_tokens() {
    let surface = deployed(json!(false), json!(true)).await;
    let before = rule(&surface);
    for kind in ["Primary", "Secondary"] {
        let last = rule(&surface);
        let ask = surface.ask("POST", &surface.mms("/services/iris/regenerateKeys"));
        let answer = ask
            .json(&json!({"keyType": kind, "keyValue": null}))
            .send()
            .await;
        assert_eq!(answer.status, 200);
        assert_ne!(rule(&surface), last, "{kind}");
    }
    let (RouteAuthentication::Tokens(before), RouteAuthentication::Tokens(after)) =
        (before, rule(&surface))
    else {
        panic!("tokens");
    };
    assert_eq!(before.audience, after.audience);
    assert_eq!(before.issuers, after.issuers);
}
