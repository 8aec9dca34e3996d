//! Paths, methods, health, swagger, and the ids on every answer.

use http::{Method, Request};

use crate::{
    client::{SCORE, full, get, score},
    model::Model,
    router::{KEY, TestRouter, ready, route, target},
};

const AUTHORIZATION: (&str, &str) = ("authorization", "Bearer key-number-one");

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_so() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    for mut client in [router.client().await, router.client2().await] {
        for (path, status, expected) in [
            ("/api/v1/service/wine/score", 404, "no service named 'wine'"),
            ("/score", 404, "is scored at /api/v1/service/<name>/score"),
            ("/api/v1/service/iris/scores", 404, "nothing at this path"),
            ("/api/v1/service", 404, "nothing at this path"),
        ] {
            let reply = client.ask(get(path, &[AUTHORIZATION])).await;
            assert_eq!(reply.status, status, "{path}");
            assert!(reply.message().contains(expected), "{}", reply.text());
            assert!(reply.header("x-request-id").is_some());
        }
        for (method, path, allow) in [
            (Method::PUT, SCORE, "GET, POST, OPTIONS"),
            (Method::DELETE, SCORE, "GET, POST, OPTIONS"),
            (Method::POST, "/", "GET"),
        ] {
            let mut request = get(path, &[AUTHORIZATION]);
            *request.method_mut() = method;
            let reply = client.ask(request).await;
            assert_eq!(reply.status, 405, "{path}");
            assert_eq!(reply.header("allow"), Some(allow));
            assert!(reply.message().contains("allowed"));
        }
    }
    assert_eq!(model.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_of_the_router_needs_no_key_and_of_a_service_a_replica() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let reply = router.ask(get("/", &[])).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "Healthy"));
    let service = "/api/v1/service/iris/";
    assert_eq!(router.ask(get(service, &[])).await.status, 401);
    assert_eq!(
        router.ask(get(service, &[AUTHORIZATION])).await.text(),
        "Healthy"
    );
    router.replicas.send_replace(ready(Vec::new()));
    router.change(vec![route("iris", vec![target(1)])]).await;
    let reply = router.ask(get(service, &[AUTHORIZATION])).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (503, "Unhealthy"));
    assert_eq!(router.ask(get("/", &[])).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_arrive_as_they_were_sent() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    for mut client in [router.client().await, router.client2().await] {
        let swagger = "/api/v1/service/iris/swagger.json?version=3";
        let reply = client.ask(get(swagger, &[AUTHORIZATION])).await;
        assert_eq!(reply.json()["target"], "/swagger.json?version=3");
        let careless = format!("/{SCORE}/?a=%20b&c");
        let request = Request::builder()
            .method(Method::POST)
            .uri(careless)
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .header("x-mine", "kept")
            .body(full("12345"))
            .unwrap();
        let json = client.ask(request).await.json();
        assert_eq!(json["target"], "/score?a=%20b&c");
        assert_eq!(json["method"], "POST");
        assert_eq!(json["length"], 5);
        assert_eq!(json["headers"]["x-mine"], "kept");
        assert_eq!(json["headers"]["content-length"], "5");
        assert_eq!(json["headers"]["host"], "localhost");
        assert!(json["headers"].get("transfer-encoding").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_an_id_of_its_own() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let long = "c".repeat(60);
    let mut ids = std::collections::HashSet::new();
    for order in ["", "raise", "teapot", "die", "late"] {
        let mut request = score(order);
        let headers = request.headers_mut();
        headers.insert("x-request-id", "mine".parse().unwrap());
        headers.insert("x-ms-client-request-id", long.parse().unwrap());
        let reply = router.ask(request).await;
        let id = reply.header("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 36, "{order}: {id}");
        assert_eq!(
            reply.header("x-ms-client-request-id"),
            Some(&long[..40]),
            "{order}"
        );
        if order.is_empty() {
            assert_eq!(reply.json()["headers"]["x-request-id"], id.as_str());
        }
        assert!(ids.insert(id), "{order}: twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_in_two_workspaces_leads_to_two_models() {
    let models = [Model::start("a"), Model::start("b")];
    let router = TestRouter::iris(&[], |_| ()).await;
    router.replicas.send_replace(ready(vec![
        (1, vec![models[0].replica.clone()]),
        (2, vec![models[1].replica.clone()]),
    ]));
    let workspace = "00000000-0000-4000-8000-0000000000ab";
    let other = wharf_core::route::Route {
        workspace: Some(workspace.parse().expect("a GUID")),
        ..route("iris", vec![target(2)])
    };
    router
        .change(vec![route("iris", vec![target(1)]), other])
        .await;
    let mut client = router.client().await;
    let with_prefix = format!("/workspaces/{workspace}{SCORE}");
    for (path, model) in [(SCORE, "a"), (&with_prefix, "b")] {
        let reply = client.ask(get(path, &[AUTHORIZATION])).await;
        assert_eq!(reply.model(), model, "{path}");
    }
    let unknown = "/workspaces/00000000-0000-4000-8000-0000000000cd/api/v1/service/iris/score";
    let reply = client.ask(get(unknown, &[AUTHORIZATION])).await;
    assert_eq!(reply.status, 404);
    assert!(
        reply.message().contains("no service named 'iris'"),
        "{}",
        reply.text()
    );
}
