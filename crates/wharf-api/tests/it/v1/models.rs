//! Models: registered, listed, found, changed, deleted.

use serde_json::{Value, json};

use crate::{blob::uploaded, snapshot::assert_answer, surface::Surface};

/// Registers a model as the SDK does.
async fn registered(surface: &Surface, name: &str, more: &Value) -> Value {
    let file = format!("{name}/model.pkl");
    if surface
        .test
        .app
        .artifact_get(
            &surface.test.caller,
            &surface.test.path,
            &format!("LocalUpload/c1/{file}").parse().expect("a path"),
        )
        .await
        .is_err()
    {
        uploaded(surface, &file, b"model").await;
    }
    let asset = surface
        .ask("POST", &surface.mms("/assets"))
        .json(&json!({"name": name, "artifacts": [{"prefix": format!("LocalUpload/c1/{name}")}]}))
        .send()
        .await
        .good();
    let mut body = json!({
        "name": name, "url": format!("aml://asset/{}", asset["id"].as_str().expect("an id")),
        "mimeType": "application/json", "unpack": false, "datasets": [],
    });
    let members = body.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    let answer = surface
        .ask("POST", &surface.mms("/models"))
        .json(&body)
        .send()
        .await;
    if *more == json!({}) && name == "iris" {
        assert_answer("ok", &answer);
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["value"].as_array().expect("a list").iter();
    items
        .map(|model| model["id"].as_str().expect("an id"))
        .collect()
}

#[tokio::test]
async fn a_model_is_registered_and_found_by_its_encoded_id() {
    let surface = Surface::new().await;
    let model = registered(&surface, "iris", &json!({})).await;
    assert_eq!(model["id"], "iris:1");
    assert_eq!(
        registered(&surface, "iris", &json!({"kvTags": {"a": "b"}})).await["version"],
        2
    );
    let found = surface
        .ask("GET", &surface.mms("/models/iris%3A1"))
        .send()
        .await;
    assert_answer("ok", &found);
    assert_eq!(found.good(), model);
}

#[tokio::test]
async fn a_missing_model_says_so_in_its_body() {
    let surface = Surface::new().await;
    for id in ["iris%3A1", "iris", "iris:0", "nonsense:x"] {
        let answer = surface
            .ask("GET", &surface.mms(&format!("/models/{id}")))
            .send()
            .await;
        assert_eq!(answer.status, 404);
        let body = answer.json();
        assert_eq!(
            body["statusCode"], 404,
            "the SDK looks here, not at the status"
        );
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|text| text.contains("was not found"))
        );
    }
}

#[tokio::test]
async fn lists_filter_and_page() {
    let surface = Surface::new().await;
    for _ in 0..3 {
        registered(&surface, "a", &json!({"kvTags": {"stage": "test"}})).await;
    }
    registered(
        &surface,
        "b",
        &json!({"kvTags": {"stage": "live"}, "framework": "Onnx"}),
    )
    .await;
    let list = async |query: &str| {
        let path = surface.mms(&format!("/models?{query}"));
        surface.ask("GET", &path).send().await
    };
    let whole = list("count=255&latestVersionOnly=false").await;
    assert_answer("ok", &whole);
    let whole = whole.good();
    assert_eq!(names(&whole), ["a:3", "a:2", "a:1", "b:1"]);
    assert!(whole.get("nextLink").is_none());
    for (query, expected) in [
        ("latestVersionOnly=true", &["a:3", "b:1"][..]),
        ("name=a&count=1", &["a:3"]),
        ("tags=stage=live", &["b:1"]),
        ("tags=stage", &["a:3", "a:2", "a:1", "b:1"]),
        ("tags=stage%3Dtest,other", &[]),
        ("framework=Onnx", &["b:1"]),
        ("runId=1", &[]),
    ] {
        assert_eq!(names(&list(query).await.good()), expected, "{query}");
    }
    let mut page = list("count=2&name=a").await.good();
    assert_eq!(names(&page), ["a:3", "a:2"]);
    let next = page["nextLink"].as_str().expect("a link").to_owned();
    let next = next
        .strip_prefix(crate::surface::PUBLIC_URL)
        .expect("absolute");
    assert!(
        next.contains("%24skipToken=") || next.contains("$skipToken="),
        "{next}"
    );
    page = surface.ask("GET", next).send().await.good();
    assert_eq!(names(&page), ["a:1"]);
    assert!(page.get("nextLink").is_none());
}

#[tokio::test]
async fn what_is_said_of_a_model_changes() {
    let surface = Surface::new().await;
    registered(&surface, "iris", &json!({"properties": {"p": "1"}})).await;
    let path = surface.mms("/models/iris%3A1");
    let patched = surface
        .ask("PATCH", &path)
        .json(&json!([
            {"op": "replace", "path": "/kvTags", "value": {"stage": "live"}},
            {"op": "replace", "path": "/description", "value": "flowers"},
            {"op": "add", "path": "/properties", "value": {"p": "1", "q": "2"}},
        ]))
        .send()
        .await;
    assert_answer("ok", &patched);
    let model = surface.ask("GET", &path).send().await.good();
    assert_eq!(model, patched.good());
    assert_eq!(model["kvTags"], json!({"stage": "live"}));
    let refused = surface
        .ask("PATCH", &path)
        .json(&json!([{"op": "replace", "path": "/properties/p", "value": "changed"}]))
        .send()
        .await;
    assert_eq!(refused.refused_fields(), ["properties.p"]);
    let refused = surface
        .ask("PATCH", &path)
        .json(&json!([
            {"op": "replace", "path": "/version", "value": 7},
            {"op": "move", "path": "/kvTags", "from": "/properties"},
        ]))
        .send()
        .await;
    assert_eq!(refused.refused_fields(), ["[1].op", "/version"]);
    assert_eq!(surface.ask("GET", &path).send().await.good(), model);
}

#[tokio::test]
async fn a_model_is_deleted_once() {
    let surface = Surface::new().await;
    registered(&surface, "iris", &json!({})).await;
    let path = surface.mms("/models/iris%3A1");
    let deleted = surface.ask("DELETE", &path).send().await;
    assert_answer("ok", &deleted);
    assert_eq!(deleted.status, 200);
    assert_eq!(surface.ask("DELETE", &path).send().await.status, 204);
}

#[tokio::test]
async fn wrong_registrations_are_told_all_at_once() {
    let surface = Surface::new().await;
    let answer = surface
        .ask("POST", &surface.mms("/models"))
        .json(&json!({"name": "_x", "url": "http://elsewhere", "framework": "Keras"}))
        .send()
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.refused_fields(), ["name", "url", "framework"]);
    let answer = surface
        .ask("POST", &surface.mms("/models"))
        .json(&json!({"name": 1, "url": [], "kvTags": "x"}))
        .send()
        .await;
    assert_eq!(answer.refused_fields(), ["name", "url", "kvTags"]);
}
