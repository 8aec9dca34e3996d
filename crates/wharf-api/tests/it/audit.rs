//! The record of who did what: what is in it, what is not, and who may read it.

use std::fmt::Write as _;

use http::StatusCode;
use serde_json::{Value, json};
use wharf_core::access::Role::{Contributor, Reader};

use crate::{
    snapshot::assert_answer,
    surface::{Answer, Surface},
};

const EVENTS: &str = "/providers/Microsoft.Insights/eventtypes/management/values";

async fn events(client: &Surface, token: &str, query: &str) -> Vec<Value> {
    let path = client.in_subscription(&format!("{EVENTS}{query}"));
    let asking = client.ask_nobody("GET", &path);
    let bearer = format!("Bearer {token}");
    let body = asking.header("authorization", &bearer).send().await.good();
    body["value"].as_array().expect("a list").clone()
}

fn short(event: &Value) -> String {
    let action = event["operationName"]["value"].as_str().expect("an action");
    let kind = action
        .split_once("workspaces/")
        .map_or(action, |(_, rest)| rest);
    format!(
        "{} {kind} {}",
        event["caller"].as_str().expect("a caller"),
        event["properties"]["statusCode"]
            .as_str()
            .expect("a status"),
    )
}

async fn with_token(client: &Surface, method: &str, path: &str, token: &str) -> Answer {
    let asking = client.ask_nobody(method, path);
    let bearer = format!("Bearer {token}");
    asking.header("authorization", &bearer).send().await
}

#[tokio::test]
async fn each_write_and_each_denied_call_has_one_entry() {
    let client = Surface::new().await;
    let reader = client.member("reader", Reader, &client.in_group("")).await;
    client.attach("mine").await;
    client.get(&client.in_workspace("/computes/mine")).await;
    client
        .put(
            &client.in_workspace("/computes/1"),
            &json!({"location": "x"}),
        )
        .await;
    let path = client.in_workspace("/computes/mine");
    let denied = with_token(&client, "POST", &format!("{path}/listKeys"), &reader).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    client.ask_nobody("GET", &path).send().await;
    let asking = client.ask("DELETE", &format!("{path}?underlyingResourceAction=Detach"));
    let asking = asking
        .header("user-agent", "a program")
        .header("x-ms-correlation-request-id", "together");
    let detached = asking.send().await;
    let found = events(&client, &client.token, "").await;
    let expected = [
        "administrator computes/delete 202",
        " computes/read 401",
        "reader computes/listKeys/action 403",
        "administrator computes/write 400",
        "administrator computes/write 201",
    ];
    assert_eq!(found.iter().map(short).collect::<Vec<_>>(), expected);
    let newest = &found[0];
    assert_eq!(
        newest["operationId"].as_str(),
        detached.header("x-ms-request-id")
    );
    assert_eq!(newest["correlationId"], "together");
    assert_eq!(newest["properties"]["userAgent"], "a program");
    assert_eq!(newest["resourceId"], path);
    assert_eq!(newest["resourceGroupName"], "wharf");

    for (query, count) in [
        ("?$filter=caller eq 'READER'", 1),
        ("?$filter=status eq 'Failed'", 3),
        ("?$filter=correlationId eq 'together'", 1),
        ("?$filter=resourceGroupName eq 'WHARF'", 5),
        ("?$filter=resourceGroupName eq 'other'", 0),
        ("?$filter=eventTimestamp ge '2000-01-01T00:00:00Z'", 5),
        ("?$filter=eventTimestamp le '2000-01-01T00:00:00Z'", 0),
    ] {
        let query = query.replace(' ', "%20");
        assert_eq!(
            events(&client, &client.token, &query).await.len(),
            count,
            "{query}"
        );
    }
    // A reader sees what happened where it may read.
    assert_eq!(events(&client, &reader, "").await.len(), 5);
    let elsewhere = client.in_subscription("/resourceGroups/elsewhere");
    let elsewhere = client.member("elsewhere", Contributor, &elsewhere).await;
    assert!(events(&client, &elsewhere, "").await.is_empty());
}

#[tokio::test]
async fn entries_come_in_pages() {
    let client = Surface::new().await;
    client.attach("mine").await;
    for _ in 0..4 {
        client
            .put(&client.in_workspace("/computes/1"), &json!({}))
            .await;
    }
    let path = client.in_subscription(&format!("{EVENTS}?$top=2&$filter=status%20eq%20'Failed'"));
    let first = client.get(&path).await;
    assert_eq!(first.good()["value"].as_array().map(Vec::len), Some(2));
    let next = first.good()["nextLink"]
        .as_str()
        .expect("a next page")
        .to_owned();
    let next = next
        .strip_prefix(crate::surface::PUBLIC_URL)
        .expect("our address")
        .to_owned();
    let second = client.get(&next).await.good();
    assert_eq!(second["value"].as_array().map(Vec::len), Some(2));
    let (first, second) = (&first.good()["value"], &second["value"]);
    assert_ne!(first[1]["eventDataId"], second[0]["eventDataId"]);
    let path = client.in_subscription(&format!("{EVENTS}?$filter=caller%20ne%20'x'"));
    assert_answer("bad filter", &client.get(&path).await);
    let path = client.in_subscription(&format!("{EVENTS}?$top=1"));
    let mut one = client.get(&path).await;
    let token = regex_free(one.text());
    one.body = token.into();
    assert_answer("ok", &one);
}

/// Leaves out the numbers that differ from run to run: places in the log, and ticks.
fn regex_free(text: &str) -> String {
    let mut shown = String::new();
    for part in text.split_inclusive(['=', '/']) {
        let digits = part
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .count();
        if digits >= 12 {
            let _ = write!(shown, "[number]{}", &part[digits..]);
        } else {
            shown.push_str(part);
        }
    }
    shown
}

#[tokio::test]
async fn a_sign_in_that_fails_is_recorded_and_one_that_succeeds_is_not() {
    let client = Surface::new().await;
    let canary = "canary-0123456789";
    for secret in [canary, client.test.secret.reveal()] {
        let id = client.test.app.administrator().client_id;
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        client
            .ask_nobody("POST", "/adfs/oauth2/token")
            .form(&form)
            .send()
            .await;
    }
    let found = events(&client, &client.token, "").await;
    assert_eq!(
        found.iter().map(short).collect::<Vec<_>>(),
        [" Wharf.Authorization/signIn/action 401"]
    );
}

#[tokio::test]
async fn strangers_do_not_fill_the_log() {
    let client = Surface::new().await;
    let path = client.in_workspace("");
    for _ in 0..700 {
        client.ask_nobody("GET", &path).send().await;
    }
    assert_eq!(
        events(&client, &client.token, "?$top=1000").await.len(),
        600
    );
    client
        .put(&client.in_workspace("/computes/1"), &json!({}))
        .await;
    let found = events(&client, &client.token, "?$top=1").await;
    assert_eq!(found[0]["properties"]["omitted"], "100");
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_happen() {
    let client = Surface::new().await;
    let folder = client.test.folder().join("audit");
    std::fs::remove_dir_all(&folder).expect("removed");
    // The first one is where it shows: it happened, and is answered as it went.
    assert_eq!(client.attach("first").await.status, StatusCode::CREATED);
    let refused = client.attach("second").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert_eq!(
        client
            .get(&client.in_workspace("/computes/second"))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    std::fs::create_dir(&folder).expect("made");
    let path = client.in_workspace("/computes/first?underlyingResourceAction=Detach");
    assert_eq!(
        client.ask("DELETE", &path).send().await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(events(&client, &client.token, "").await.len(), 1);
}

#[tokio::test]
async fn no_secret_is_in_the_log() {
    let client = Surface::new().await;
    let canary = "canary-5f1c7c0e";
    let path = "/providers/Wharf.Authorization/principals/ci";
    let body = json!({"properties": {"role": "Reader", "scopes": ["/"]}, "x": canary});
    let made = client.put(path, &body).await.good();
    let secret = made["properties"]["clientSecret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    let bearer = format!("Bearer {canary}");
    let query = format!("/computes/1?sig={canary}&secret={canary}");
    let path = client.in_workspace(&query);
    client
        .put(
            &path,
            &json!({"location": canary, "properties": {"x": canary}}),
        )
        .await;
    client
        .ask_nobody("PUT", &path)
        .header("authorization", &bearer)
        .body(canary)
        .send()
        .await;
    let url = format!("https://wharf.blob.localhost:8443/a/b/c?sig={canary}");
    client.ask_blob("PUT", &url).body(canary).send().await;
    let mut text = String::new();
    for entry in std::fs::read_dir(client.test.folder().join("audit")).expect("the log") {
        text += &std::fs::read_to_string(entry.expect("a file").path()).expect("text");
    }
    assert!(text.lines().count() >= 4, "{text}");
    for secret in [canary, secret.as_str(), client.token.as_str()] {
        assert!(!text.contains(secret), "{text}");
    }
}
