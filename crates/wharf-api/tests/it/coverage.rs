//! The route table, walked: no route without a check of its caller, none without
//! a snapshot.

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use wharf_api::router::{self, Access, Route, routes};

use crate::{
    snapshot,
    surface::{Answer, Surface},
};

/// A path that leads to the route, whatever is there.
fn path_of(route: &Route) -> String {
    let words = route.template.split('/').filter(|word| !word.is_empty());
    let path = words.map(|word| if word.starts_with('{') { "any" } else { word });
    path.fold(String::new(), |path, word| path + "/" + word)
}

async fn ask(client: &Surface, route: &Route, token: Option<&str>) -> Answer {
    let (method, path) = (route.method.as_str(), path_of(route));
    let asking = match route.surface {
        router::Surface::Blob => {
            client.ask_blob(method, &format!("https://wharf.blob.localhost:8443{path}"))
        }
        _ => client.ask_nobody(method, &path),
    };
    match token {
        Some(token) => asking.header("authorization", token).send().await,
        None => asking.send().await,
    }
}

/// Whether a refusal has the shape of its surface.
fn assert_shape(surface: router::Surface, answer: &Answer) {
    if answer.method == http::Method::HEAD {
        return;
    }
    let text = String::from_utf8_lossy(&answer.body);
    let is_right = match surface {
        router::Surface::Arm => {
            let body: Value = answer.json();
            body["error"]["code"].is_string() && body["error"]["message"].is_string()
        }
        router::Surface::SignIn => answer.json()["error_description"].is_string(),
        router::Surface::V1 => {
            let body: Value = answer.json();
            body["code"].is_string() && body["statusCode"] == answer.status.as_u16()
        }
        router::Surface::Blob => text.starts_with("<?xml") && text.contains("<Code>"),
    };
    assert!(is_right, "{surface:?}: {text}");
}

fn assert_challenge(headers: &HeaderMap) {
    let challenge = headers.get("www-authenticate").expect("a challenge");
    let challenge = challenge.to_str().expect("ASCII");
    assert!(challenge.starts_with("Bearer "), "{challenge}");
}

#[tokio::test]
async fn no_route_with_a_token_answers_without_a_good_one() {
    let client = Surface::new().await;
    let tokens = [
        None,
        Some("Bearer"),
        Some("Bearer forged"),
        Some("Basic eDp5"),
    ];
    let guarded = routes()
        .iter()
        .filter(|route| route.access() == Access::Token);
    let mut count = 0;
    for route in guarded {
        for token in tokens {
            let answer = ask(&client, route, token).await;
            let what = format!("{} {} with {token:?}", route.method, route.template);
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
            assert_challenge(&answer.headers);
            assert_shape(route.surface, &answer);
        }
        count += 1;
    }
    assert!(count > 20, "{count} routes were walked");
}

#[tokio::test]
async fn no_route_with_a_signature_answers_without_one() {
    let client = Surface::new().await;
    for route in routes()
        .iter()
        .filter(|route| route.access() == Access::Signature)
    {
        let answer = ask(&client, route, None).await;
        let what = format!("{} {}", route.method, route.template);
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
        assert_shape(route.surface, &answer);
    }
}

#[test]
fn the_open_routes_are_these() {
    let open: Vec<_> = routes()
        .iter()
        .filter(|route| route.access() == Access::Open)
        .map(|route| format!("{} {}", route.method, route.template))
        .collect();
    let expected = [
        "GET /metadata/endpoints",
        "GET /adfs/.well-known/openid-configuration",
        "GET /adfs/v2.0/.well-known/openid-configuration",
        "GET /adfs/{tenant}/v2.0/.well-known/openid-configuration",
        "GET /adfs/discovery/keys",
        "POST /adfs/oauth2/token",
        "POST /adfs/oauth2/v2.0/token",
        "GET /msi/token",
        "POST /msi/token",
        "GET /discovery/workspaces/{id}",
    ];
    assert_eq!(open, expected);
}

#[test]
fn every_route_has_a_snapshot_and_every_snapshot_a_route() {
    let kept = snapshot::kept();
    // `NAME.snap`, or `NAME@CASE.snap` where a route has several.
    let is_of = |name: &str, slug: &str| {
        let rest = name.strip_prefix(slug);
        rest.is_some_and(|rest| rest == ".snap" || rest.starts_with('@'))
    };
    let slugs: Vec<_> = routes().iter().map(snapshot::slug).collect();
    let missing: Vec<_> = slugs
        .iter()
        .filter(|slug| !kept.iter().any(|name| is_of(name, slug)))
        .collect();
    assert!(
        missing.is_empty(),
        "routes without a snapshot: {missing:#?}"
    );
    let stale: Vec<_> = kept
        .iter()
        .filter(|name| !slugs.iter().any(|slug| is_of(name, slug)))
        .collect();
    assert!(stale.is_empty(), "snapshots without a route: {stale:#?}");
}

#[test]
fn no_two_routes_are_the_same() {
    let mut slugs: Vec<_> = routes().iter().map(snapshot::slug).collect();
    slugs.sort();
    let count = slugs.len();
    slugs.dedup();
    assert_eq!(slugs.len(), count);
    for route in routes() {
        assert!(
            route.template.matches('{').count() <= 8,
            "{}",
            route.template
        );
    }
}

/// What `e2e/hostile` walks: it has no other way to the table.
#[test]
fn the_table_is_kept_for_the_hostile_corpus() {
    let mut lines: Vec<_> = routes()
        .iter()
        .map(|route| {
            let (method, template) = (&route.method, route.template);
            format!(
                "{method} {:?} {:?} {template}",
                route.surface,
                route.access()
            )
        })
        .collect();
    lines.sort();
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../../../../e2e/hostile");
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("routes", lines.join("\n")));
}
