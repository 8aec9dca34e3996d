//! Registered environments: versions, labels, lists, and images that there are none of.

use serde_json::{Value, json};

use crate::{
    snapshot::assert_answer,
    surface::{Answer, Surface},
};

/// A registration as the SDK sends it, with its casing.
fn registration(package: &str) -> Value {
    json!({
        "Name": "env",
        "python": {
            "userManagedDependencies": false, "interpreterPath": "python",
            "condaDependenciesFile": null, "baseCondaEnvironment": null,
            "condaDependencies": {"channels": ["conda-forge"],
                "dependencies": ["python=3.11", {"pip": [package]}], "name": "project_environment"},
        },
        "EnvironmentVariables": {"A": "b"},
        "Docker": {"baseImage": "image", "baseImageRegistry": {"address": null, "password": "p"}},
        "Spark": {"packages": [], "repositories": [], "precachePackages": true},
        "InferencingStackVersion": null,
        "r": null,
    })
}

async fn ask(surface: &Surface, method: &str, rest: &str, body: &Value) -> Answer {
    let version = if rest.contains("/image") && method == "POST" {
        "v2.0"
    } else {
        "v1.0"
    };
    let path = format!(
        "/environment/{version}{}/environments{rest}",
        surface.workspace()
    );
    let asking = surface.ask(method, &path);
    match method {
        "GET" => asking.send().await,
        _ => asking.json(body).send().await,
    }
}

async fn register(surface: &Surface, rest: &str, package: &str) -> Answer {
    ask(surface, "PUT", rest, &registration(package)).await
}

#[tokio::test]
async fn the_same_content_is_the_same_version() {
    let surface = Surface::new().await;
    let first = register(&surface, "/env", "numpy").await;
    assert_answer("ok", &first);
    assert!(!first.text().contains("\"p\""), "a password is shown");
    let first = first.good();
    assert_eq!(first["version"], "1");
    assert_eq!(register(&surface, "/env", "numpy").await.good(), first);
    assert_eq!(
        register(&surface, "/env", "scipy").await.good()["version"],
        "2"
    );
    // What was registered last is the latest, whatever was there before.
    assert_eq!(
        register(&surface, "/env", "numpy").await.good()["version"],
        "3"
    );

    let chosen = register(&surface, "/env/versions/7", "torch").await;
    assert_answer("ok", &chosen);
    let chosen = chosen.good();
    assert_eq!(
        register(&surface, "/env/versions/7", "torch").await.good(),
        chosen
    );
    let other = register(&surface, "/env/versions/7", "other").await;
    assert_eq!(other.status, 409, "{}", other.text());
    assert_answer("other content", &other);
    assert_eq!(
        register(&surface, "/env", "next").await.good()["version"],
        "8"
    );
    assert_eq!(
        register(&surface, "/env/versions/rc-1", "rc").await.status,
        200
    );

    let nothing = Value::Null;
    let found = ask(&surface, "GET", "/env", &nothing).await;
    assert_answer("ok", &found);
    assert_eq!(found.good()["version"], "rc-1");
    let found = ask(&surface, "GET", "/env/versions/1", &nothing).await;
    assert_answer("ok", &found);
    assert_eq!(found.good(), first);
    for rest in ["/no", "/env/versions/99", "/env/labels/gold"] {
        let missing = ask(&surface, "GET", rest, &nothing).await;
        assert_eq!(missing.status, 404, "{rest}");
    }
}

#[tokio::test]
async fn labels_move_and_the_latest_is_always_there() {
    let surface = Surface::new().await;
    for package in ["a", "b"] {
        register(&surface, "/env", package).await.good();
    }
    let labels = json!({"Labels": ["gold", "main"]});
    for version in ["1", "2"] {
        let put = ask(
            &surface,
            "PUT",
            &format!("/env/versions/{version}/metadata"),
            &labels,
        )
        .await;
        assert_answer("ok", &put);
        assert_eq!(put.status, 200);
        let found = ask(&surface, "GET", "/env/labels/gold", &Value::Null).await;
        assert_answer(&format!("at {version}"), &found);
        assert_eq!(found.good()["version"], version);
    }
    let latest = ask(&surface, "GET", "/env/labels/latest", &Value::Null).await;
    assert_eq!(latest.good()["version"], "2");
    let many: Vec<_> = (0..200).map(|it| format!("l{it}")).collect();
    for (rest, body, field) in [
        (
            "/env/versions/1/metadata",
            json!({"Labels": ["latest"]}),
            "labels",
        ),
        (
            "/env/versions/1/metadata",
            json!({"Labels": ["a b"]}),
            "labels",
        ),
        ("/env/versions/1/metadata", json!({"Labels": 7}), "Labels"),
        (
            "/env/versions/1/metadata",
            json!({"Labels": many}),
            "Labels",
        ),
    ] {
        let refused = ask(&surface, "PUT", rest, &body).await;
        assert_eq!(refused.refused_fields(), [field]);
    }
    let missing = ask(&surface, "PUT", "/env/versions/9/metadata", &labels).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn lists_have_each_name_once_and_go_on() {
    let surface = Surface::new().await;
    for number in 0..103 {
        let rest = format!("/env-{number:03}");
        register(&surface, &rest, "a").await.good();
    }
    register(&surface, "/env-000", "b").await.good();
    let page = ask(&surface, "GET", "/", &Value::Null).await.good();
    let names = |page: &Value| -> Vec<String> {
        let items = page["value"].as_array().expect("a list").iter();
        items
            .map(|it| format!("{}:{}", it["name"], it["version"]))
            .collect()
    };
    let first = names(&page);
    assert_eq!(first.len(), 100);
    assert_eq!(first[0], "\"env-000\":\"2\"");
    let next = page["continuationToken"].as_str().expect("a token");
    let rest = format!("/?continuation={next}");
    let page = ask(&surface, "GET", &rest, &Value::Null).await;
    assert_answer("last page", &page);
    let page = page.good();
    assert_eq!(names(&page).len(), 3);
    assert!(page["continuationToken"].is_null());
}

#[tokio::test]
async fn bad_registrations_are_told_at_once() {
    let surface = Surface::new().await;
    for (rest, body, fields) in [
        ("/a%20b", registration("a"), vec!["name"]),
        ("/AzureML-mine", registration("a"), vec!["name"]),
        ("/env/versions/a%20b", registration("a"), vec!["version"]),
        ("/env", json!([]), vec!["body", "python"]),
        ("/env", json!({"Name": "env"}), vec!["python"]),
        (
            "/env",
            json!({"Python": {"condaDependencies": 7}, "Docker": [], "docker": {}, "R": null}),
            vec!["docker", "python.condaDependencies"],
        ),
    ] {
        let refused = ask(&surface, "PUT", rest, &body).await;
        let mut found = refused.refused_fields();
        found.sort_unstable();
        found.dedup();
        if rest == "/env" && body.is_object() {
            assert!(
                fields.iter().all(|it| found.contains(&(*it).to_owned())),
                "{found:?}"
            );
        } else {
            assert!(found.iter().any(|it| it == fields[0]), "{rest}: {found:?}");
        }
    }
    let curated = ask(&surface, "GET", "/AzureML-Minimal", &Value::Null).await;
    assert_eq!(curated.status, 404);
    assert_answer("curated", &curated);
    assert!(curated.text().contains("CondaDependencies"));
}

#[tokio::test]
async fn there_are_no_images() {
    let surface = Surface::new().await;
    register(&surface, "/env", "a").await.good();
    for (method, rest) in [
        ("GET", "/env/image"),
        ("GET", "/env/versions/1/image"),
        ("POST", "/env/recipe"),
        ("POST", "/env/versions/1/recipe"),
        ("POST", "/env/versions/1/image"),
        ("POST", "/env/versions/1/imageoncompute/cpu"),
    ] {
        let refused = ask(&surface, method, rest, &json!({})).await;
        assert_eq!(refused.status, 400, "{rest}");
        assert_answer("ok", &refused);
    }
    // The SDK has its own words for what is not registered.
    let missing = ask(&surface, "POST", "/no/versions/1/image", &json!({})).await;
    assert_eq!(missing.status, 404);
}
