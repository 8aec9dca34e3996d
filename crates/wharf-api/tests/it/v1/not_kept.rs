//! What Wharf does not keep: datasets, datastores, packages, profiles.

use serde_json::json;

use crate::{snapshot::assert_answer, surface::Surface};

#[tokio::test]
async fn lists_are_empty_and_names_are_not_found() {
    let surface = Surface::new().await;
    for (service, rest, status) in [
        ("dataset/v1.0", "/datasets", 200),
        ("dataset/v1.0", "/datasets/d1", 404),
        ("dataset/v1.0", "/datasets/query/name=iris", 404),
        ("dataset/v1.0", "/saveddatasets/s1", 404),
        ("datastore/v1.0", "/datastores", 200),
        ("datastore/v1.0", "/datastores/workspaceblobstore", 404),
        ("datastore/v1.0", "/default", 404),
    ] {
        let path = format!("/{service}{}{rest}", surface.workspace());
        let answer = surface.ask("GET", &path).send().await;
        assert_eq!(answer.status, status, "{path}");
        assert_answer("ok", &answer);
        if status == 200 {
            assert_eq!(answer.json()["value"], json!([]), "{path}");
        }
    }
}

#[tokio::test]
async fn what_would_make_one_is_refused_with_what_to_do() {
    let surface = Surface::new().await;
    for (method, service, rest, status, says) in [
        (
            "POST",
            "dataset/v1.0",
            "/datasets",
            400,
            "register files as a model",
        ),
        (
            "POST",
            "dataset/v1.0",
            "/saveddatasets",
            400,
            "register files as a model",
        ),
        (
            "POST",
            "datastore/v1.0",
            "/datastores",
            400,
            "register files as a model",
        ),
        (
            "PUT",
            "datastore/v1.0",
            "/default/other",
            404,
            "register files as a model",
        ),
        (
            "POST",
            "modelmanagement/v1.0",
            "/packages",
            400,
            "Model.deploy",
        ),
        (
            "POST",
            "modelmanagement/v1.0",
            "/profiles",
            400,
            "measure calls",
        ),
    ] {
        let path = format!("/{service}{}{rest}", surface.workspace());
        let answer = surface.ask(method, &path).json(&json!({})).send().await;
        assert_eq!(answer.status, status, "{path}");
        assert_answer("ok", &answer);
        assert!(answer.text().contains(says), "{}", answer.text());
    }
}
