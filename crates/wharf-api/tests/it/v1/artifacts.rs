//! Discovery, artifacts, assets: where files go and where they come from.

use serde_json::json;

use crate::{
    blob::{announced, uploaded},
    snapshot::assert_answer,
    surface::{PUBLIC_URL, Surface},
};

#[tokio::test]
async fn discovery_needs_no_token() {
    let surface = Surface::new().await;
    let workspace = surface
        .test
        .app
        .workspace_get(&surface.test.caller, &surface.test.path)
        .await
        .expect("the workspace");
    let path = format!("/discovery/workspaces/{}", workspace.id);
    let answer = surface.ask_nobody("GET", &path).send().await;
    for key in [
        "api",
        "history",
        "modelmanagement",
        "experimentation",
        "hyperdrive",
        "studio",
    ] {
        assert_eq!(answer.good()[key], PUBLIC_URL, "{key}");
    }
    assert_answer("ok", &answer);
    for id in ["nonsense", "00000000-0000-0000-0000-000000000001"] {
        let path = format!("/discovery/workspaces/{id}");
        assert_eq!(surface.ask_nobody("GET", &path).send().await.status, 404);
    }
}

#[tokio::test]
async fn an_announcement_answers_by_the_paths_sent() {
    let surface = Surface::new().await;
    let answer = surface
        .ask(
            "POST",
            &surface.files("/artifacts/batch/metadata/LocalUpload/c1"),
        )
        .json(&json!({"paths": [{"path": "mdl/m.txt"}, {"path": "b c"}]}))
        .send()
        .await;
    assert_answer("ok", &answer);
    let body = answer.good();
    for path in ["mdl/m.txt", "b c"] {
        assert_eq!(
            body["artifacts"][path]["artifactId"],
            format!("LocalUpload/c1/{path}")
        );
        let uri = &body["artifactContentInformation"][path]["contentUri"];
        let uri = uri.as_str().expect("an address");
        // What the SDK takes apart: account, a label, the rest with its port.
        let host = uri.split('/').nth(2).expect("a host");
        let labels: Vec<_> = host.splitn(3, '.').collect();
        assert_eq!(labels, ["wharf", "blob", "localhost:8443"]);
    }
}

#[tokio::test]
async fn files_are_found_by_path_and_by_prefix() {
    let surface = Surface::new().await;
    uploaded(&surface, "mdl/a.txt", b"a").await;
    uploaded(&surface, "mdl/b/c.txt", b"c").await;
    announced(&surface, "mdl/never-uploaded").await;
    let one = surface
        .ask(
            "GET",
            &surface.files("/artifacts/contentinfo/LocalUpload/c1/mdl/a.txt"),
        )
        .send()
        .await;
    let url = one.good()["contentUri"]
        .as_str()
        .expect("an address")
        .to_owned();
    assert_eq!(surface.ask_blob("GET", &url).send().await.text(), "a");
    assert_answer("ok", &one);
    let all = surface
        .ask(
            "GET",
            &surface.files("/artifacts/prefix/contentinfo/LocalUpload/c1/mdl"),
        )
        .send()
        .await;
    assert_answer("ok", &all);
    let body = all.good();
    let paths: Vec<_> = body["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["path"].as_str().expect("a path"))
        .collect();
    assert_eq!(paths, ["mdl/a.txt", "mdl/b/c.txt"]);
    assert!(body.get("continuationToken").is_none());
    for path in ["mdl/never-uploaded", "mdl/b", "other"] {
        let path = surface.files(&format!("/artifacts/contentinfo/LocalUpload/c1/{path}"));
        assert_eq!(surface.ask("GET", &path).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_prefix_with_many_files_comes_in_pages() {
    let surface = Surface::new().await;
    for number in 0..1_001 {
        surface
            .test
            .upload(&format!("LocalUpload/many/d/{number:04}"), b"x")
            .await;
    }
    let path = surface.files("/artifacts/prefix/contentinfo/LocalUpload/many/d");
    let first = surface.ask("GET", &path).send().await.good();
    assert_eq!(first["value"].as_array().map(Vec::len), Some(1_000));
    let token = first["continuationToken"]
        .as_str()
        .expect("a token")
        .replace('/', "%2F");
    let second = surface
        .ask("GET", &format!("{path}?continuationToken={token}"))
        .send()
        .await
        .good();
    assert_eq!(second["value"][0]["path"], "d/1000");
    assert!(second.get("continuationToken").is_none());
}

#[tokio::test]
async fn assets_are_made_and_found() {
    let surface = Surface::new().await;
    let made = surface
        .ask("POST", &surface.mms("/assets"))
        .json(&json!({"name": "m", "artifacts": [{"prefix": "LocalUpload/c1/mdl"}]}))
        .send()
        .await;
    assert_answer("ok", &made);
    let made = made.good();
    let id = made["id"].as_str().expect("an id");
    let found = surface
        .ask("GET", &surface.mms(&format!("/assets/{id}")))
        .send()
        .await;
    assert_answer("ok", &found);
    assert_eq!(found.good(), made);
    for id in ["nonsense", "00000000-0000-0000-0000-000000000001"] {
        let answer = surface
            .ask("GET", &surface.mms(&format!("/assets/{id}")))
            .send()
            .await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.json()["statusCode"], 404);
    }
}
