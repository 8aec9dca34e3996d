//! Template deployments: what SDK v1 and `az` send, and what is refused.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{snapshot::assert_answer, surface::Surface};

const DEPLOYMENTS: &str = "/providers/Microsoft.Resources/deployments";

/// What `Workspace.create` sends, shortened.
fn template() -> Value {
    json!({"properties": {"mode": "incremental", "parameters": {}, "template": {
        "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0", "parameters": {}, "variables": {},
        "resources": [
            {"type": "Microsoft.KeyVault/vaults", "name": "wskeyvault", "location": "local"},
            {"type": "Microsoft.Storage/storageAccounts", "name": "wsstorage", "location": "local"},
            {"type": "Microsoft.MachineLearningServices/workspaces", "name": "made",
             "location": "local", "tags": {"a": "b"}, "resources": [],
             "dependsOn": ["[resourceId('Microsoft.KeyVault/vaults', 'wskeyvault')]"],
             "sku": {"tier": "basic", "name": "basic"},
             "identity": {"type": "SystemAssigned", "userAssignedIdentities": null},
             "properties": {"friendlyName": "made", "keyVault": "/v", "containerRegistry": null}},
        ],
    }}})
}

#[tokio::test]
async fn a_template_makes_a_workspace() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{DEPLOYMENTS}/first"));
    assert_answer("unknown", &client.get(&path).await);
    let gone = client.ask("HEAD", &path).send().await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let put = client.put(&path, &template()).await;
    assert_answer("new", &put);
    assert_answer(
        "ok",
        &client.get(&put.path_in("azure-asyncoperation")).await,
    );
    assert_answer("ok", &client.get(&path).await);
    assert_answer("there", &client.ask("HEAD", &path).send().await);
    let operations = client.in_group("/deployments/first/operations");
    assert_answer("ok", &client.get(&operations).await);
    let made = client.in_group("/providers/Microsoft.MachineLearningServices/workspaces/made");
    let made = client.get(&made).await.json();
    assert_eq!(made["tags"], json!({"a": "b"}));
    assert_eq!(made["properties"]["keyVault"], "/v");
    // Once more: the same workspace.
    let again = client.put(&path, &template()).await;
    assert_answer("again", &again);
    assert_answer("ok", &client.get(&client.in_group(DEPLOYMENTS)).await);
    assert_answer(
        "none",
        &client.get(&client.in_subscription(DEPLOYMENTS)).await,
    );
    assert_answer("ok", &client.ask("DELETE", &path).send().await);
    assert_eq!(client.get(&path).await.status, StatusCode::NOT_FOUND);
}

/// The body as `az` writes it: the file's text behind a key without quotes.
const FROM_AZ: &str = r#"{"properties": {"parameters": {"name": {"value": "from-az"}}, "mode": "Incremental", template:{
    // A workspace.
    "parameters": {"name": {"type": "string"}},
    "resources": [{
        "type": "Microsoft.MachineLearningServices/workspaces", /* where it is */
        "name": "[parameters('name')]", "location": "[resourceGroup().location]"
    }],
    "outputs": {"name": {"type": "string", "value": "[parameters('name')]"}}
}}}"#;

#[tokio::test]
async fn a_template_with_comments_is_read() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{DEPLOYMENTS}/az"));
    let validate = format!("{path}/validate");
    let checked = client.ask("POST", &validate).body(FROM_AZ).send().await;
    assert_answer("ok", &checked);
    let workspace =
        client.in_group("/providers/Microsoft.MachineLearningServices/workspaces/from-az");
    assert_eq!(client.get(&workspace).await.status, StatusCode::NOT_FOUND);
    let put = client.ask("PUT", &path).body(FROM_AZ).send().await;
    assert_eq!(put.status, StatusCode::CREATED);
    let read = client.get(&path).await.json();
    assert_eq!(read["properties"]["outputs"]["name"]["value"], "from-az");
    assert_eq!(client.get(&workspace).await.json()["location"], "local");
}

#[tokio::test]
async fn nothing_of_a_wrong_template_is_made() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{DEPLOYMENTS}/wrong"));
    let mut body = template();
    let resources = &mut body["properties"]["template"]["resources"];
    resources[1]["type"] = json!("Microsoft.Network/privateEndpoints");
    assert_answer("unknown type", &client.put(&path, &body).await);
    let mut body = template();
    let resources = &mut body["properties"]["template"]["resources"];
    let mut second = resources[2].clone();
    second["name"] = json!("a b");
    resources.as_array_mut().expect("a list").push(second);
    assert_answer("wrong name", &client.put(&path, &body).await);
    let broken = client.ask("PUT", &path).body("{\"properties\": {]").send();
    assert_answer("broken", &broken.await);
    let made = client.in_group("/providers/Microsoft.MachineLearningServices/workspaces/made");
    assert_eq!(client.get(&made).await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_deep_or_large_body_is_refused() {
    let client = Surface::new().await;
    let path = client.in_group(&format!("{DEPLOYMENTS}/deep"));
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let answer = client.ask("PUT", &path).body(deep).send().await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let large = format!("\"{}\"", "x".repeat(4 * 1024 * 1024));
    let answer = client.ask("PUT", &path).body(large).send().await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}
