//! Workspaces and resource groups: the life of each.

use http::StatusCode;
use serde_json::json;

use super::places::names_of_pages;
use crate::{snapshot::assert_answer, surface::Surface};

const WORKSPACES: &str = "/providers/Microsoft.MachineLearningServices/workspaces";

#[tokio::test]
async fn a_group_is_made_once_and_stays_where_it_is() {
    let client = Surface::new().await;
    let path = client.in_subscription("/resourcegroups/team-a");
    let body = json!({"location": "West Europe", "tags": {"creationSource": "azureml-sdk"}});
    assert_answer("new", &client.put(&path, &body).await);
    assert_answer(
        "labels",
        &client.put(&path, &json!({"tags": {"a": "b"}})).await,
    );
    assert_answer(
        "elsewhere",
        &client.put(&path, &json!({"location": "eastus"})).await,
    );
    let bad = client.in_subscription("/resourcegroups/no%20spaces.");
    assert_answer(
        "wrong",
        &client
            .put(&bad, &json!({"tags": {"a": "x".repeat(300)}}))
            .await,
    );
}

#[tokio::test]
async fn made_changed_and_removed() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{WORKSPACES}/second"));
    let body = json!({
        "tags": {"team": "a"}, "identity": {"type": "SystemAssigned"},
        "properties": {"friendlyName": "The second", "storageAccount": "/the/store"},
    });
    assert_answer("new", &client.put(&path, &body).await);
    assert_answer("again", &client.put(&path, &json!({})).await);
    let change = json!({
        "tags": {"team": "b"},
        "properties": {"description": "why", "imageBuildCompute": "cpu", "v1LegacyMode": "true"},
    });
    let patched = client.ask("PATCH", &path).json(&change).send().await;
    assert_answer("ok", &patched);
    assert_eq!(patched.json()["properties"]["storageAccount"], "/the/store");
    // What an answer says can be put back as it is.
    let put_back = client.put(&path, &patched.json()).await;
    assert_eq!(put_back.json(), patched.json());

    let listed = client.get(&client.in_group(WORKSPACES)).await.json();
    assert_eq!(listed["value"].as_array().map(Vec::len), Some(2));
    let first = client
        .get(&client.in_group(&format!("{WORKSPACES}?$top=1")))
        .await
        .json();
    assert_eq!(first["value"].as_array().map(Vec::len), Some(1));
    let next = first["nextLink"].as_str().expect("a next page");
    let next = next.strip_prefix("https://localhost:8443").expect("ours");
    let second = client.get(next).await.json();
    assert_eq!(second["value"][0]["name"], "second");
    assert!(second.get("nextLink").is_none(), "{second}");
    // The clusters come after the workspaces, and no page has more than was asked for.
    let pages = names_of_pages(&client, client.in_subscription("/resources?$top=1")).await;
    assert_eq!(pages, [["default"], ["second"], ["local"]]);
    assert_answer(
        "of a group",
        &client
            .get(&client.in_group("/resources?$filter=substringof('sec',name)"))
            .await,
    );

    assert_answer("ok", &client.ask("DELETE", &path).send().await);
    assert_answer("not there", &client.ask("DELETE", &path).send().await);
    assert_eq!(client.get(&path).await.status, StatusCode::NOT_FOUND);
    let patched = client.ask("PATCH", &path).json(&change).send().await;
    assert_answer("not there", &patched);
}

#[tokio::test]
async fn what_is_wrong_is_told_at_once() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{WORKSPACES}/a%20b"));
    let body = json!({
        "tags": {"a": "x".repeat(300)}, "properties": {"friendlyName": "x".repeat(300)},
    });
    assert_answer("wrong", &client.put(&path, &body).await);
    let path = client.in_workspace("");
    let moved = client.put(&path, &json!({"location": "eastus"})).await;
    assert_answer("elsewhere", &moved);
    let nowhere = client.in_subscription(&format!("/resourceGroups/nowhere{WORKSPACES}/second"));
    let unknown = client.put(&nowhere, &json!({})).await;
    assert_answer("unknown group", &unknown);
}

#[tokio::test]
async fn one_with_a_compute_stays() {
    let client = Surface::new().await;
    let put = client.attach("inference").await;
    client.poll(&put).await;
    let refused = client.ask("DELETE", &client.in_workspace("")).send().await;
    assert_answer("in use", &refused);
    let there = client.get(&client.in_workspace("")).await;
    assert_eq!(there.status, StatusCode::OK);
}

#[tokio::test]
async fn what_wharf_has_none_of() {
    let client = Surface::new().await;
    for (case, method, path) in [
        ("ok", "POST", "/resynckeys"),
        ("ok", "POST", "/listKeys"),
        ("ok", "POST", "/diagnose"),
        ("none", "GET", "/connections"),
        ("none for v1", "GET", "/connections?api-version=2020-01-01"),
        ("none", "GET", "/connections/feed"),
        ("not supported", "PUT", "/connections/feed"),
        ("none", "DELETE", "/connections/feed"),
        ("none", "DELETE", "/privateEndpointConnections/pe"),
    ] {
        let path = client.in_workspace(path);
        let answer = client.ask(method, &path).json(&json!({})).send().await;
        assert_answer(case, &answer);
    }
}
