//! Principals and their roles over HTTP.

use http::StatusCode;
use serde_json::json;

use crate::{
    snapshot::assert_answer,
    surface::{Answer, PUBLIC_URL, Surface},
};

const PRINCIPALS: &str = "/providers/Wharf.Authorization/principals";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const ID: &str = "00000000-0000-4000-8000-00000000000a";

async fn with_token(client: &Surface, method: &str, path: &str, token: &str) -> Answer {
    let asking = client.ask_nobody(method, path);
    let bearer = format!("Bearer {token}");
    asking.header("authorization", &bearer).send().await
}

async fn sign_in(client: &Surface, made: &Answer) -> Answer {
    let properties = &made.good()["properties"];
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={PUBLIC_URL}/.default",
        properties["clientId"].as_str().expect("an id"),
        properties["clientSecret"].as_str().expect("a secret"),
    );
    client
        .ask_nobody("POST", "/adfs/oauth2/token")
        .form(&form)
        .send()
        .await
}

fn token(answer: &Answer) -> String {
    answer.good()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

#[tokio::test]
async fn a_principal_lives_and_goes() {
    let client = Surface::new().await;
    let path = format!("{PRINCIPALS}/ci");
    let body = json!({"properties": {"role": "contributor", "scopes": [client.in_group("/")]}});
    let made = client.put(&path, &body).await;
    assert_answer("created", &made);
    assert_answer("taken", &client.put(&path.replace("ci", "CI"), &body).await);
    let listed = client.get(PRINCIPALS).await;
    assert!(!listed.text().contains("clientSecret"));
    assert_answer("ok", &listed);

    let first = token(&sign_in(&client, &made).await);
    let workspace = client.in_workspace("");
    assert_eq!(
        with_token(&client, "GET", &workspace, &first).await.status,
        StatusCode::OK
    );
    let renewed = client
        .ask("POST", &format!("{path}/renewSecret"))
        .send()
        .await;
    assert_answer("ok", &renewed);
    assert_eq!(
        sign_in(&client, &made).await.status,
        StatusCode::UNAUTHORIZED
    );
    let second = token(&sign_in(&client, &renewed).await);

    assert_answer("deleted", &client.ask("DELETE", &path).send().await);
    assert_answer("not there", &client.ask("DELETE", &path).send().await);
    for token in [first, second] {
        let answer = with_token(&client, "GET", &workspace, &token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        sign_in(&client, &renewed).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_principal_is_said_at_once() {
    let client = Surface::new().await;
    let body = json!({"properties": {"role": "King", "scopes": ["/", "workspace", "/a%2fb"]}});
    assert_answer("bad", &client.put(&format!("{PRINCIPALS}/ci"), &body).await);
    let body = json!({"properties": {"role": "Reader", "scopes": ["/"]}});
    assert_answer(
        "bad name",
        &client.put(&format!("{PRINCIPALS}/a%20b"), &body).await,
    );
    let path = format!("{PRINCIPALS}/administrator");
    assert_answer("administrator", &client.ask("DELETE", &path).send().await);
    let path = format!("{path}/renewSecret");
    assert_answer("administrator", &client.ask("POST", &path).send().await);
}

#[tokio::test]
async fn a_role_is_given_and_taken_away_at_each_place() {
    let client = Surface::new().await;
    let scope = ["/subscriptions/00000000-0000-4000-8000-000000000001"];
    let body = json!({"properties": {"role": "Reader", "scopes": scope}});
    let made = client.put(&format!("{PRINCIPALS}/ci"), &body).await;
    let principal = &made.good()["properties"]["principalId"];
    let token = token(&sign_in(&client, &made).await);
    let workspace = client.in_workspace("");
    for place in [
        client.in_subscription(""),
        client.in_group(""),
        workspace.clone(),
    ] {
        let asked = with_token(&client, "GET", &workspace, &token).await;
        assert_eq!(asked.status, StatusCode::FORBIDDEN);
        let list = format!("{place}/providers/Microsoft.Authorization/roleAssignments");
        let path = format!("{list}/{ID}");
        let definition =
            format!("{place}/providers/Microsoft.Authorization/roleDefinitions/{READER}");
        let body =
            json!({"properties": {"roleDefinitionId": definition, "principalId": principal}});
        assert_answer("created", &client.put(&path, &body).await);
        let asked = with_token(&client, "GET", &workspace, &token).await;
        assert_eq!(asked.status, StatusCode::OK);
        assert_answer("ok", &client.get(&list).await);
        assert_answer("deleted", &client.ask("DELETE", &path).send().await);
        assert_answer("not there", &client.ask("DELETE", &path).send().await);
    }
    let list = client.in_subscription("/providers/Microsoft.Authorization/roleDefinitions");
    assert_answer("ok", &client.get(&list).await);
    let path = client.in_group(&format!(
        "/providers/Microsoft.Authorization/roleAssignments/{ID}"
    ));
    let body = json!({"properties": {"roleDefinitionId": "Reader", "principalId": "ci"}});
    assert_answer("bad", &client.put(&path, &body).await);
    let body = json!({"properties": {"roleDefinitionId": READER, "principalId": ID}});
    assert_answer("no principal", &client.put(&path, &body).await);
}
