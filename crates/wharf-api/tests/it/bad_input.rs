//! What is refused, in the shape of the surface that was asked.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use wharf_control::testing::TestApp;

use crate::{
    snapshot::assert_answer,
    surface::{Answer, Surface},
};

async fn put_bytes(client: &Surface, body: impl Into<bytes::Bytes>) -> Answer {
    let path = client.in_workspace("/computes/inference");
    client.ask("PUT", &path).body(body).send().await
}

#[tokio::test]
async fn bodies_that_are_no_resource() {
    let client = Surface::new().await;
    for (case, body) in [
        ("empty body", String::new()),
        ("broken JSON", "{\"location\": ".to_owned()),
        ("two documents", "{} {}".to_owned()),
        ("a list", "[1]".to_owned()),
        ("deep", format!("{}{}", "[".repeat(65), "]".repeat(65))),
        (
            "wrong types",
            json!({"location": 1, "tags": [], "properties": "x"}).to_string(),
        ),
    ] {
        assert_answer(case, &put_bytes(&client, body).await);
    }
    assert_answer(
        "not UTF-8",
        &put_bytes(&client, &b"{\"a\": \"\xff\"}"[..]).await,
    );
    let large = json!({"location": "x".repeat(2 * 1024 * 1024)}).to_string();
    assert_answer("too large", &put_bytes(&client, large).await);
    let deepest = format!("{{\"extra\": {}1{}}}", "[".repeat(63), "]".repeat(63));
    let answer = put_bytes(&client, deepest).await;
    assert_eq!(
        answer.json()["error"]["details"][0]["target"],
        "properties.computeType"
    );
}

#[tokio::test]
async fn paths_that_lead_nowhere() {
    let client = Surface::new().await;
    let read = |rest: &str| format!("/rp/workspaces{}", client.in_workspace(rest));
    assert_answer("unknown", &client.get(&read("/computes/nothing")).await);
    for (path, status) in [
        (
            client.in_workspace("/computes/..%2f..%2fetc"),
            StatusCode::BAD_REQUEST,
        ),
        (
            client.in_workspace("/computes/%2e%2e"),
            StatusCode::BAD_REQUEST,
        ),
        (client.in_workspace("/computes/.."), StatusCode::BAD_REQUEST),
        (
            client.in_workspace("/computes/a%00b"),
            StatusCode::BAD_REQUEST,
        ),
        (
            client.in_workspace("/computes/a%ff"),
            StatusCode::BAD_REQUEST,
        ),
        (client.in_workspace("/nothing"), StatusCode::NOT_FOUND),
        ("/".to_owned(), StatusCode::NOT_FOUND),
        (format!("/{}", "x".repeat(9_000)), StatusCode::URI_TOO_LONG),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.json()["error"]["message"].is_string(), "{path}");
    }
    let foreign = TestApp::new().await;
    let path = client
        .in_workspace("/computes")
        .replace(&client.test.path.subscription, &foreign.path.subscription);
    let answer = client.get(&path).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["error"]["code"], "SubscriptionNotFound");
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let client = Surface::new().await;
    let path = client.in_workspace("/computes/inference");
    let answer = client.ask("PATCH", &path).send().await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow").expect("methods"), "GET, PUT, DELETE");
    assert_eq!(answer.json()["error"]["code"], "MethodNotAllowed");
    let answer = client
        .ask_nobody("DELETE", "/adfs/oauth2/token")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["error"], "invalid_request");
}

#[tokio::test]
async fn tokens_that_are_not_good() {
    let client = Surface::new().await;
    let path = client.in_subscription("");
    let with = |token: String| {
        let asking = client.ask_nobody("GET", &path);
        asking
            .header("authorization", &format!("Bearer {token}"))
            .send()
    };
    let plain = client.ask_nobody("GET", &path).send().await;
    assert_answer("no token", &plain);
    let other = TestApp::new().await;
    assert_answer("another key", &with(other.bearer().await).await);
    let mut tampered = client.token.clone();
    tampered.pop();
    assert_answer("tampered with", &with(tampered).await);
    client.test.clock.advance(Duration::from_secs(3_601));
    assert_answer("expired", &with(client.token.clone()).await);
}

#[tokio::test]
async fn ids_of_a_request_are_repeated_when_asked() {
    let client = Surface::new().await;
    let answer = client
        .ask("GET", "/subscriptions")
        .header("x-ms-client-request-id", "mine")
        .header("x-ms-return-client-request-id", "true")
        .header("x-ms-correlation-request-id", "ours")
        .send()
        .await;
    assert_eq!(answer.header("x-ms-client-request-id"), Some("mine"));
    assert_eq!(answer.header("x-ms-correlation-request-id"), Some("ours"));
    assert_ne!(answer.header("x-ms-request-id").expect("an id"), "mine");
    let silent = client
        .ask("GET", "/subscriptions")
        .header("x-ms-client-request-id", "mine")
        .send()
        .await;
    assert!(!silent.headers.contains_key("x-ms-client-request-id"));
}

#[tokio::test]
async fn a_header_has_a_limit() {
    let client = Surface::new().await;
    let answer = client
        .ask("GET", "/subscriptions")
        .header("x-long", &"x".repeat(17 * 1024))
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}
