//! Endpoints with versions: deployed, shown, patched, listed.

use serde_json::{Value, json};

use super::services::{create_body, ended, ready};
use crate::{
    snapshot::assert_answer,
    surface::{Answer, Surface},
};

/// A version as `create_version` sends it.
fn version(name: &str) -> Value {
    create_body(name)
}

/// What `Model.deploy` sends for an `AksEndpoint`.
fn endpoint_body(name: &str) -> Value {
    let mut first = create_body("one");
    // The SDK's own words for a version of a new endpoint.
    first["computeType"] = json!("AKSENDPOINT");
    first["computeName"] = Value::Null;
    first["trafficPercentile"] = Value::Null;
    json!({
        "name": name, "description": null, "tags": null, "kvTags": {"a": "b"}, "properties": {},
        "computeType": "AKSENDPOINT", "computeName": "cluster",
        "keys": {"primaryKey": null, "secondaryKey": null}, "versions": {"one": first}
    })
}

async fn create(surface: &Surface, name: &str) -> Answer {
    let ask = surface.ask("POST", &surface.mms("/services"));
    let answer = ask.json(&endpoint_body(name)).send().await;
    ended(surface, &answer).await;
    answer
}

async fn patch(surface: &Surface, operations: Value) -> Answer {
    let path = surface.mms("/services/ab-test");
    surface.ask("PATCH", &path).json(&operations).send().await
}

async fn listed(surface: &Surface, query: &str) -> usize {
    let path = surface.mms(&format!("/services?{query}"));
    let page = surface.ask("GET", &path).send().await.good();
    page["value"].as_array().expect("a list").len()
}

#[tokio::test]
async fn an_endpoint_with_versions_is_shown_whole() {
    let surface = ready().await;
    create(&surface, "ab-test").await;
    let added = json!([
        {"op": "replace", "path": "/versions/one/type", "value": "Treatment"},
        {"op": "replace", "path": "/versions/one/trafficPercentile", "value": 60},
        {"op": "add", "path": "/versions/two", "value": version("two")},
        {"op": "replace", "path": "/versions/two/type", "value": "Control"},
        {"op": "replace", "path": "/versions/two/trafficPercentile", "value": 30.5},
        {"op": "replace", "path": "/versions/two/tags", "value": {"x": "y"}},
    ]);
    let updated = patch(&surface, added).await;
    assert_eq!(updated.status, 202);
    let operation = ended(&surface, &updated).await;
    assert_eq!(operation["state"], "Succeeded");
    let path = surface.mms("/services/ab-test?expand=true");
    let shown = surface.ask("GET", &path).send().await;
    assert_answer("endpoint_with_versions", &shown);
    let document = shown.good();
    assert_eq!(document["computeType"], "AKSENDPOINT");
    for name in ["one", "two"] {
        assert_eq!(document["versions"][name]["computeType"], "AKS");
    }
    assert_eq!(listed(&surface, "computeType=AKSENDPOINT").await, 1);
    assert_eq!(listed(&surface, "computeType=AKS").await, 0);
    assert_eq!(listed(&surface, "expand=true").await, 1);
    let logs = surface.mms("/services/ab-test/logs?tail=10&init=False");
    let logs = surface.ask("GET", &logs).send().await.good();
    let text = logs["content"].as_str().expect("text");
    assert!(
        text.contains("version one") && text.contains("version two"),
        "{text}"
    );
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_with_all_of_it() {
    let surface = ready().await;
    create(&surface, "ab-test").await;
    let mut other = version("two");
    other["computeName"] = json!("elsewhere");
    other["trafficPercentile"] = json!(120);
    other["type"] = json!("Best");
    other["environmentImageRequest"]["modelIds"] = json!(["iris"]);
    let wrong = patch(
        &surface,
        json!([{"op": "add", "path": "/versions/two", "value": other}]),
    );
    let mut fields = wrong.await.refused_fields();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "versions.two.computeName",
            "versions.two.environmentImageRequest.modelIds",
            "versions.two.trafficPercentile",
            "versions.two.type",
        ]
    );
    for (operations, word) in [
        (
            json!([{"op": "remove", "path": "/versions/one"}]),
            "delete the endpoint",
        ),
        (
            json!([{"op": "remove", "path": "/versions/two"}]),
            "there is no version",
        ),
        (
            json!([{"op": "add", "path": "/versions/one", "value": version("one")}]),
            "already",
        ),
        (
            json!([{"op": "replace", "path": "/versions/one/isDefault", "value": false}]),
            "no version is the default",
        ),
        (
            json!([{"op": "add", "path": "/versions/two", "value": {
                "isDefault": true, "environmentImageRequest": version("two")["environmentImageRequest"],
            }}]),
            "one and two are default",
        ),
        (
            json!([{"op": "replace", "path": "/numReplicas", "value": 2}]),
            "belongs to a version",
        ),
        (
            json!([{"op": "replace", "path": "/versions/one/authEnabled", "value": false}]),
            "endpoint's",
        ),
    ] {
        let refused = patch(&surface, operations).await;
        assert_eq!(refused.status, 400);
        let body = String::from_utf8_lossy(&refused.body).into_owned();
        assert!(body.contains(word), "{word} in {body}");
    }
}
