//! Metadata, the authority under `/adfs`, and the managed identity's tokens.

use http::StatusCode;
use wharf_core::Secret;

use crate::{snapshot::assert_answer, surface::Surface};

fn client_id(client: &Surface) -> String {
    client.test.app.administrator().client_id.to_string()
}

fn basic(name: &str, secret: &Secret) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let pair = format!("{name}:{}", secret.reveal());
    format!("Basic {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn metadata_has_the_shape_of_the_version() {
    let client = Surface::new().await;
    for (case, query) in [
        ("list", "?api-version=2019-05-01"),
        ("object", "?api-version=2022-09-01"),
    ] {
        let path = format!("/metadata/endpoints{query}");
        let answer = client.ask_nobody("GET", &path).send().await;
        assert_answer(case, &answer);
    }
    let doubled = client
        .ask_nobody("GET", "//metadata//endpoints/")
        .send()
        .await;
    assert!(doubled.json().is_array());
}

#[tokio::test]
async fn documents_of_the_authority() {
    let client = Surface::new().await;
    let tenant = client.test.app.tenant();
    for path in [
        "/adfs/.well-known/openid-configuration".to_owned(),
        "/adfs/v2.0/.well-known/openid-configuration".to_owned(),
        format!("/adfs/{tenant}/v2.0/.well-known/openid-configuration"),
    ] {
        assert_answer("ok", &client.ask_nobody("GET", &path).send().await);
    }
    let keys = client
        .ask_nobody("GET", "/adfs/discovery/keys")
        .send()
        .await;
    assert_eq!(keys.json()["keys"][0]["x"].as_str().expect("x").len(), 43);
    let mut shown = keys;
    let key = client.test.app.public_key();
    let text = String::from_utf8(shown.body.to_vec()).expect("UTF-8");
    let text = text.replace(&key.x, "[x]").replace(&key.y, "[y]");
    shown.body = text.replace(&key.id, "[kid]").into();
    assert_answer("ok", &shown);
}

#[tokio::test]
async fn a_client_signs_in_with_its_secret_in_form_or_header() {
    let client = Surface::new().await;
    let (id, secret) = (client_id(&client), &client.test.secret);
    let form = format!(
        "grant_type=client_credentials&client_id={id}&client_secret={}\
         &scope=https%3A%2F%2Flocalhost%3A8443%2F%2F.default&client_info=1",
        secret.reveal()
    );
    for path in ["/adfs/oauth2/token", "/adfs/oauth2/v2.0/token"] {
        let answer = client.ask_nobody("POST", path).form(&form).send().await;
        assert_answer("ok", &answer);
        let token = answer.json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let asking = client.ask_nobody("GET", "/subscriptions");
        let listed = asking
            .header("authorization", &format!("Bearer {token}"))
            .send()
            .await;
        assert_eq!(listed.status, StatusCode::OK);
    }
    let answer = client
        .ask_nobody("POST", "/adfs/oauth2/token")
        .header("authorization", &basic(&id, secret))
        .form("grant_type=client_credentials")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_name_and_its_secret_are_a_user_and_a_password() {
    let client = Surface::new().await;
    let secret = &client.test.secret;
    for name in [
        "administrator".to_owned(),
        "Administrator".to_owned(),
        client_id(&client),
    ] {
        let form = format!(
            "grant_type=password&client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46\
             &username={name}&password={}&scope=https%3A%2F%2Flocalhost%3A8443%2F%2F.default",
            secret.reveal()
        );
        let asking = client.ask_nobody("POST", "/adfs/oauth2/token").form(&form);
        let answer = asking.send().await;
        assert_answer("password", &answer);
        let token = answer.json()["access_token"].clone();
        let token = format!("Bearer {}", token.as_str().expect("a token"));
        let listed = client
            .ask_nobody("GET", "/subscriptions")
            .header("authorization", &token)
            .send()
            .await;
        assert_eq!(listed.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_in_is_said_in_oauths_words() {
    let client = Surface::new().await;
    let id = client_id(&client);
    let wrong = format!("grant_type=client_credentials&client_id={id}&client_secret=wrong");
    for (case, form) in [
        ("wrong secret", wrong.as_str()),
        (
            "unknown client",
            "grant_type=client_credentials&client_id=x&client_secret=y",
        ),
        ("no secret", "grant_type=client_credentials&client_id=x"),
        ("no client", "grant_type=client_credentials"),
        (
            "wrong password",
            "grant_type=password&username=administrator&password=b",
        ),
        (
            "unknown user",
            "grant_type=password&username=nobody&password=b",
        ),
        ("no password", "grant_type=password&username=a"),
        (
            "unknown grant",
            "grant_type=device_code&username=a&password=b",
        ),
        ("no grant", "client_id=x"),
    ] {
        let asking = client.ask_nobody("POST", "/adfs/oauth2/token");
        assert_answer(case, &asking.form(form).send().await);
    }
    let answer = client
        .ask_nobody("POST", "/adfs/oauth2/token")
        .header("authorization", &basic(&id, &Secret::new("wrong")))
        .form("grant_type=client_credentials")
        .send()
        .await;
    assert_answer("wrong secret in a header", &answer);
    let answer = client
        .ask_nobody("POST", "/adfs/oauth2/token")
        .form(&"x".repeat(65 * 1024))
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["error"], "invalid_request");
}

#[tokio::test]
async fn a_managed_identity_gets_a_token_in_both_forms() {
    let client = Surface::new().await;
    let secret = client.test.secret.clone();
    let resource = "resource=https%3A%2F%2Flocalhost%3A8443%2F";
    let path = format!("/msi/token/?{resource}&api-version=2017-09-01");
    let asking = client.ask_nobody("GET", &path);
    let answer = asking.header("secret", secret.reveal()).send().await;
    assert_answer("ok", &answer);
    let token = answer.json();
    let lifetime = token["expires_in"].as_str().expect("a text").parse::<i64>();
    let until = token["expires_on"].as_str().expect("a text").parse::<i64>();
    assert!(until.expect("seconds") > lifetime.expect("seconds"));
    let answer = client
        .ask_nobody("POST", "/msi/token")
        .header("metadata", "true")
        .header("authorization", &basic("x", &secret))
        .form(resource)
        .send()
        .await;
    assert_answer("ok", &answer);

    let refused = client.ask_nobody("GET", &path).send().await;
    assert_answer("no secret", &refused);
    let asking = client.ask_nobody("GET", &path);
    assert_answer(
        "wrong secret",
        &asking.header("secret", "wrong").send().await,
    );
    let asking = client.ask_nobody("GET", "/msi/token");
    let answer = asking.header("secret", secret.reveal()).send().await;
    assert_answer("no resource", &answer);
}
