//! Who may score.

use wharf_core::{keys::KeyHash, route::RouteAuthentication};

use crate::{
    client::{SCORE, get, score},
    model::Model,
    router::{KEY, OTHER_KEY, TestRouter, route, target},
};

#[tokio::test(flavor = "multi_thread")]
async fn both_keys_pass_and_do_not_reach_the_model() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    for mut client in [router.client().await, router.client2().await] {
        for value in [
            format!("Bearer {KEY}"),
            format!("Bearer {OTHER_KEY}"),
            format!("bearer  {KEY} "),
        ] {
            let reply = client.ask(get(SCORE, &[("authorization", &value)])).await;
            assert_eq!(reply.status, 200, "{value}: {}", reply.text());
            assert_eq!(reply.json()["headers"].get("authorization"), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_else_is_401_and_says_what_is_missing() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let mut client = router.client().await;
    let long = format!("Bearer {}", "k".repeat(10_000));
    let rows: [(&[(&str, &str)], &str); 8] = [
        (&[], "The Authorization header is missing."),
        (&[("authorization", KEY)], "not of the form 'Bearer <key>'"),
        (&[("authorization", "Bearer ")], "not of the form"),
        (&[("authorization", "Basic a2V5")], "not of the form"),
        (
            &[("authorization", "Bearer key-number-onf")],
            "not a key of this service",
        ),
        (
            &[("authorization", "Bearer key-number-on")],
            "not a key of this service",
        ),
        (&[("authorization", &long)], "not a key of this service"),
        (
            &[
                ("authorization", "Bearer key-number-one"),
                ("authorization", "Bearer key-number-one"),
            ],
            "not of the form",
        ),
    ];
    for path in [
        SCORE,
        "/api/v1/service/iris/swagger.json",
        "/api/v1/service/iris",
    ] {
        for (headers, expected) in rows {
            let reply = client.ask(get(path, headers)).await;
            assert_eq!(reply.status, 401, "{path} {headers:?}");
            let message = reply.message();
            assert!(message.contains(expected), "{headers:?}: {message}");
            assert!(!message.contains("key-number"), "{message}");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
            assert!(reply.header("x-request-id").is_some());
        }
    }
    assert_eq!(model.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_counts_at_once_and_an_old_one_no_more() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let mut client = router.client().await;
    assert_eq!(client.ask(score("")).await.status, 200);
    let mut changed = route("iris", vec![target(1)]);
    changed.authentication = RouteAuthentication::Keys(vec![
        KeyHash::of("key-number-three"),
        KeyHash::of(OTHER_KEY),
    ]);
    router.change(vec![changed]).await;
    assert_eq!(client.ask(score("")).await.status, 401);
    for key in [OTHER_KEY, "key-number-three"] {
        let value = format!("Bearer {key}");
        let reply = client.ask(get(SCORE, &[("authorization", &value)])).await;
        assert_eq!(reply.status, 200, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_endpoint_asks_for_nothing() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let mut open = route("iris", vec![target(1)]);
    open.authentication = RouteAuthentication::Open;
    router.change(vec![open]).await;
    assert_eq!(router.ask(get(SCORE, &[])).await.status, 200);
}
