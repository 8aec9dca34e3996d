//! Hostile and broken requests: each a precise 4xx in this surface's shape.

use serde_json::json;
use wharf_core::finding::Finding;

use super::services::{create_body, ready};
use crate::surface::Surface;

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let surface = Surface::new().await;
    for path in [
        surface.mms("/services"),
        surface.mms("/models"),
        surface.mms("/assets"),
        surface.mms("/services/validate"),
        surface.mms("/services/validate/resource"),
        surface.mms("/services/iris/regenerateKeys"),
        surface.files("/artifacts/batch/metadata/LocalUpload/c1"),
    ] {
        let deep = "[".repeat(100_000);
        for body in ["", "{", "{}{}", "\u{feff}{}", "nul", deep.as_str()] {
            let answer = surface
                .ask("POST", &path)
                .body(body.to_owned())
                .send()
                .await;
            assert_eq!(answer.refused_fields(), ["body"], "{path} {body:.9}");
        }
        for body in ["[]", "7", "\"text\"", "null"] {
            let answer = surface.ask("POST", &path).body(body).send().await;
            assert!(
                answer.status.is_client_error() || path.contains("validate"),
                "{path} {body}"
            );
        }
    }
}

#[tokio::test]
async fn a_body_has_a_largest_size() {
    let surface = Surface::new().await;
    let body = format!("{{\"name\": \"{}\"}}", "a".repeat(5 * 1024 * 1024));
    let answer = surface
        .ask("POST", &surface.mms("/models"))
        .body(body)
        .send()
        .await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["statusCode"], 413);
}

#[tokio::test]
async fn a_large_request_gets_a_small_refusal() {
    let surface = Surface::new().await;
    let (many, long) = (vec![1; 1_300_000], "x\u{1}".repeat(250_000));
    for (path, body) in [
        (
            "/services",
            json!({"environmentImageRequest": {"assets": many}}),
        ),
        (
            "/services",
            json!({"environmentImageRequest": {"driverProgram": long}}),
        ),
        ("/services", json!({"name": long})),
        ("/models", json!({"name": "m", "url": long})),
        ("/models", json!({"datasets": many})),
        ("/assets", json!({"name": "m", "artifacts": many})),
        ("/services/validate/resource", json!({"kvTags": long})),
    ] {
        let ask = surface.ask("POST", &surface.mms(path));
        let answer = ask.body(body.to_string()).send().await;
        let told = !answer.json()["error"]["details"].is_null();
        assert!(told, "{path}: {}", answer.status);
        let size = answer.json().to_string().len();
        assert!((1..64 * 1024).contains(&size), "{path}: {size} bytes");
    }
}

#[tokio::test]
async fn foreign_workspaces_are_not_there() {
    let surface = Surface::new().await;
    let there = surface.workspace();
    let elsewhere = there.replace(&surface.test.path.workspace, "elsewhere");
    for (method, path) in [
        ("GET", format!("/modelmanagement/v1.0{elsewhere}/models")),
        ("GET", format!("/modelmanagement/v1.0{elsewhere}/services")),
        (
            "GET",
            format!("/modelmanagement/v1.0{elsewhere}/services/iris/logs"),
        ),
        (
            "DELETE",
            format!("/modelmanagement/v1.0{elsewhere}/services/iris"),
        ),
        (
            "POST",
            format!("/modelmanagement/v1.0{elsewhere}/services/migrate"),
        ),
        (
            "GET",
            format!("/artifact/v2.0{elsewhere}/artifacts/contentinfo/a/b/c"),
        ),
        ("GET", format!("/environment/v1.0{elsewhere}/environments")),
    ] {
        let computes = format!("{elsewhere}/computes/cluster");
        let body = json!({"serviceName": "iris", "computeTarget": computes});
        let asking = surface.ask(method, &path);
        let answer = if method == "POST" {
            asking.json(&body)
        } else {
            asking
        }
        .send()
        .await;
        assert_eq!(answer.status, 404, "{method} {path}");
        let message = answer.json()["message"].to_string();
        assert!(message.contains("elsewhere"), "{message}");
    }
}

#[tokio::test]
async fn an_operation_of_another_kind_of_id_is_not_there() {
    let surface = Surface::new().await;
    for id in ["nonsense", "00000000-0000-0000-0000-000000000001", "%2e%2e"] {
        for rest in ["", "/log"] {
            let path = surface.mms(&format!("/operations/{id}{rest}"));
            assert!(
                surface
                    .ask("GET", &path)
                    .send()
                    .await
                    .status
                    .is_client_error()
            );
        }
    }
}

#[tokio::test]
async fn names_in_a_query_are_given_once() {
    let surface = Surface::new().await;
    for (path, name) in [
        ("/models?count=1&count=2", "count"),
        ("/models?name=a&Name=b", "name"),
        ("/services?tags=a&tags=b", "tags"),
        ("/models?count=0", "count"),
        ("/models?count=1001", "count"),
        ("/models?count=many", "count"),
        ("/models?latestVersionOnly=1", "latestVersionOnly"),
        ("/models?$skipToken=nonsense", "$skipToken"),
        ("/services?expand=yes", "expand"),
    ] {
        let answer = surface.ask("GET", &surface.mms(path)).send().await;
        assert_eq!(answer.refused_fields(), [name], "{path}");
    }
}

#[tokio::test]
async fn hostile_paths_of_artifacts_are_refused() {
    let surface = Surface::new().await;
    let announce = surface.files("/artifacts/batch/metadata/LocalUpload/c1");
    for path in ["../up", "/absolute", "a//b", "a/./b", "a\\b", "a\u{0}b", ""] {
        let answer = surface
            .ask("POST", &announce)
            .json(&json!({"paths": [{"path": "fine"}, {"path": path}]}))
            .send()
            .await;
        assert_eq!(answer.status, 400, "{path:?}");
    }
    let fine = surface.files("/artifacts/prefix/contentinfo/LocalUpload/c1/fine");
    assert_eq!(
        surface.ask("GET", &fine).send().await.good(),
        json!({"value": []})
    );
    let many: Vec<_> = (0..1_001)
        .map(|it| json!({"path": it.to_string()}))
        .collect();
    let answer = surface
        .ask("POST", &announce)
        .json(&json!({"paths": many}))
        .send()
        .await;
    assert_eq!(answer.refused_fields(), ["paths"]);
}

#[tokio::test]
async fn a_service_of_unknown_parts_names_them_all() {
    let surface = ready().await;
    let mut body = create_body("iris");
    body["computeName"] = json!("nowhere");
    body["environmentImageRequest"]["modelIds"] = json!(["other:1"]);
    body["environmentImageRequest"]["assets"][1]["url"] =
        json!("aml://artifact/LocalUpload/c1/never.py");
    let answer = surface
        .ask("POST", &surface.mms("/services"))
        .json(&body)
        .send()
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.refused_fields(),
        [
            "computeName",
            "environmentImageRequest.modelIds",
            "environmentImageRequest.assets"
        ]
    );
    let list = surface
        .ask("GET", &surface.mms("/services"))
        .send()
        .await
        .good();
    assert_eq!(list, json!({"value": []}), "nothing half-written");
}

#[tokio::test]
async fn a_taken_name_is_a_conflict() {
    let surface = ready().await;
    let create = async || {
        let ask = surface.ask("POST", &surface.mms("/services"));
        ask.json(&create_body("iris")).send().await
    };
    assert_eq!(create().await.status, 201);
    let again = create().await;
    assert_eq!(again.status, 409);
    assert_eq!(again.json()["code"], "Conflict");
}

/// What the cluster finds in archives (`..`, links, devices) before anything is
/// written down.
#[tokio::test]
async fn what_the_cluster_finds_is_told_and_nothing_is_written() {
    let surface = ready().await;
    let field = "environmentImageRequest.assets";
    let hostile = "the archive of asset `src.tar.gz` is refused: `../up` leaves the folder";
    surface
        .test
        .backend
        .set_findings(vec![Finding::new(field, hostile)]);
    let body = create_body("iris");
    let path = surface.mms("/services");
    let refused = surface.ask("POST", &path).json(&body).send().await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.refused_fields(), [field]);
    let asked = surface
        .ask("POST", &surface.mms("/services/validate"))
        .json(&json!({"type": "Create", "serviceName": "iris", "createRequest": body}))
        .send()
        .await
        .good();
    assert_eq!(asked["error"]["details"][0]["target"], field);
    let list = surface.ask("GET", &path).send().await.good();
    assert_eq!(list, json!({"value": []}));
}

#[tokio::test]
async fn a_model_in_use_stays() {
    let surface = ready().await;
    let created = surface
        .ask("POST", &surface.mms("/services"))
        .json(&create_body("iris"))
        .send()
        .await;
    assert_eq!(created.status, 201);
    let path = surface.mms("/models/iris%3A1");
    let refused = surface.ask("DELETE", &path).send().await;
    assert_eq!(refused.status, 412);
    let body = refused.json();
    assert_eq!(body["code"], "DeletionRequired");
    let told = body["correlation"]["Message"].as_str().expect("a message");
    assert!(told.contains("used by the services iris"), "{told}");
    assert_eq!(surface.ask("GET", &path).send().await.status, 200);
}

#[tokio::test]
async fn a_chosen_key_is_never_repeated() {
    let surface = ready().await;
    let mut body = create_body("iris");
    body["keys"] = json!({"primaryKey": "with a space", "secondaryKey": "tiny"});
    let refused = surface
        .ask("POST", &surface.mms("/services"))
        .json(&body)
        .send()
        .await;
    assert_eq!(
        refused.refused_fields(),
        ["keys.primaryKey", "keys.secondaryKey"]
    );
    assert!(!refused.text().contains("with a space") && !refused.text().contains("tiny"));
    body["keys"] = json!({"primaryKey": "chosen-primary", "secondaryKey": "chosen-secondary"});
    let created = surface
        .ask("POST", &surface.mms("/services"))
        .json(&body)
        .send()
        .await;
    assert_eq!(created.status, 201);
    assert!(
        !created.text().contains("chosen-"),
        "only listkeys shows keys"
    );
}
