//! Databases of before there were terms of models.

use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use uuid::Uuid;
use wharf_core::model::{Model, ModelSpec};

use crate::{
    ModelFilter, SealKey, StoreError,
    check::{Depth, walk},
    tests::{now, open},
};

/// The last migration before that of the terms.
const BEFORE: i64 = 7;

fn spec(tags: &Value, properties: &Value, framework: &Value, extra: &Value) -> Value {
    json!({
        "url": "", "asset": Uuid::nil(), "mime_type": "", "unpack": false, "description": null,
        "tags": tags, "properties": properties, "framework": framework,
        "framework_version": null, "resources": {}, "extra": extra,
    })
}

fn specs() -> [Value; 4] {
    let none = || json!({});
    [
        spec(&none(), &none(), &json!(null), &none()),
        spec(
            &json!({"stage": "gold", "empty": "", "a=b": "c?d", "\u{e9}": "\u{1f600}"}),
            &json!({"stage": "ever"}),
            &json!("Onnx"),
            &json!({"runId": "run_1", "datasets": [{"id": "d1"}, {"id": "d2"}, {"id": "d1"}]}),
        ),
        // What a term is not made of.
        spec(
            &json!({"null": "null"}),
            &none(),
            &json!("ScikitLearn"),
            &json!({"runId": null, "datasets": [{"name": "nameless"}], "experimentName": "e"}),
        ),
        spec(&none(), &none(), &json!("Onnx"), &json!({"datasets": []})),
    ]
}

/// A database as a server of then left it, with these versions of one model.
async fn older(folder: &TempDir) -> Uuid {
    let mut connection = SqliteConnectOptions::new()
        .filename(folder.path().join("wharf.db"))
        .create_if_missing(true)
        .connect()
        .await
        .expect("a database");
    sqlx::migrate!("../../migrations/sqlite")
        .run_to(BEFORE, &mut connection)
        .await
        .expect("the schema of then");
    let workspace = Uuid::new_v4();
    sqlx::raw_sql(
        "INSERT INTO subscriptions VALUES (x'01', 'Wharf', x'02');
         INSERT INTO resource_groups (subscription, name_key, name, location)
             VALUES (x'01', 'g', 'G', 'local');",
    )
    .execute(&mut connection)
    .await
    .expect("a group");
    sqlx::query(
        "INSERT INTO workspaces (id, subscription, group_key, group_name, name_key, name,
             location, friendly_name, description, created_at)
         VALUES (?, x'01', 'g', 'G', 'w', 'W', 'local', '', '', 0)",
    )
    .bind(workspace.as_bytes().as_slice())
    .execute(&mut connection)
    .await
    .expect("a workspace");
    let asset = "INSERT INTO assets VALUES (?, ?, 'iris', '[]', 0)";
    run(&mut connection, asset, Uuid::nil(), workspace).await;
    let versions = "INSERT INTO model_versions VALUES (?2, 'iris', 4)";
    run(&mut connection, versions, Uuid::nil(), workspace).await;
    for (version, spec) in (1_i64..).zip(specs()) {
        sqlx::query("INSERT INTO models VALUES (?, ?, 'iris', ?, ?, 'me', 0, 0)")
            .bind(Uuid::new_v4().as_bytes().to_vec())
            .bind(workspace.as_bytes().to_vec())
            .bind(version)
            .bind(spec.to_string())
            .execute(&mut connection)
            .await
            .expect("a model");
    }
    workspace
}

async fn run(
    connection: &mut SqliteConnection,
    statement: &'static str,
    first: Uuid,
    second: Uuid,
) {
    sqlx::query(statement)
        .bind(first.as_bytes().to_vec())
        .bind(second.as_bytes().to_vec())
        .execute(connection)
        .await
        .expect(statement);
}

#[tokio::test]
async fn an_older_database_gets_the_terms_that_a_write_gives() {
    let folder = TempDir::new().expect("a folder");
    let workspace = older(&folder).await;
    let store = open(&folder).await;

    // Each model is found as one that was registered today.
    let mut session = store.read().await.expect("a session");
    let of = |word: &str| vec![(word.to_owned(), None)];
    let with = |word: &str, value: &str| vec![(word.to_owned(), Some(value.to_owned()))];
    let any = ModelFilter::default;
    for (filter, versions) in [
        (any(), vec![4, 3, 2, 1]),
        (
            ModelFilter {
                tags: of("stage"),
                ..any()
            },
            vec![2],
        ),
        (
            ModelFilter {
                tags: with("a=b", "c?d"),
                ..any()
            },
            vec![2],
        ),
        (
            ModelFilter {
                tags: with("empty", ""),
                ..any()
            },
            vec![2],
        ),
        (
            ModelFilter {
                tags: with("stage", "ever"),
                ..any()
            },
            vec![],
        ),
        (
            ModelFilter {
                properties: with("stage", "ever"),
                ..any()
            },
            vec![2],
        ),
        (
            ModelFilter {
                framework: Some("Onnx".into()),
                ..any()
            },
            vec![4, 2],
        ),
        (
            ModelFilter {
                run_id: Some("run_1".into()),
                ..any()
            },
            vec![2],
        ),
        (
            ModelFilter {
                dataset: Some("d2".into()),
                ..any()
            },
            vec![2],
        ),
    ] {
        let found = session.model_list(&workspace, &filter, None, 9).await;
        let found: Vec<_> = found
            .expect("models")
            .iter()
            .map(|it| it.id.version)
            .collect();
        assert_eq!(found, versions, "{filter:?}");
    }
    drop(session);

    let seal = SealKey::new(&[7; 32]).expect("a key");
    let (file, blobs) = (folder.path().join("wharf.db"), folder.path().join("blobs"));
    let walked = walk(&file, seal, &blobs, Depth::Sizes)
        .await
        .expect("a walk");
    assert_eq!(walked.violations, []);

    // And a write of the same says the same, which the walk knows by itself.
    let all = ModelFilter::default();
    let mut session = store.read().await.expect("a session");
    let models = session
        .model_list(&workspace, &all, None, 9)
        .await
        .expect("models");
    drop(session);
    let before = terms(&store).await;
    assert_eq!(
        before.len(),
        4 * 2 + 2 + 1 + 2 + 1 + 2 + 1 + 1,
        "{before:?}"
    );
    store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                for model in models {
                    let spec: ModelSpec = model.spec.clone();
                    let model = Model {
                        spec,
                        modified_at: now(),
                        ..model
                    };
                    txn.model_update(&model).await?;
                }
                Ok(())
            })
        })
        .await
        .expect("written");
    assert_eq!(terms(&store).await, before);
}

async fn terms(store: &crate::Store) -> Vec<(Vec<u8>, String, String, i64)> {
    let mut session = store.read().await.expect("a session");
    sqlx::query_as("SELECT model, term, name, newest_first FROM model_terms ORDER BY model, term")
        .fetch_all(session.db())
        .await
        .expect("rows")
}
