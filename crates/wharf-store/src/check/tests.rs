//! Each rule of the walk, broken by hand.

use std::path::Path;

use sqlx::{ConnectOptions as _, SqliteConnection, sqlite::SqliteConnectOptions};
use wharf_core::{
    model::{ArtifactPath, Content},
    resource::Observed,
};

use super::{Depth, Walked, walk};
use crate::{
    BlobStore, SealKey, StoreError,
    blocks::Block,
    tests::{Fixture, attached, fixture, now, operation},
};

async fn walked(fixture: &Fixture, depth: Depth) -> Walked {
    let folder = fixture.folder.path();
    let seal = SealKey::new(&[7; 32]).expect("a key");
    walk(&folder.join("wharf.db"), seal, &folder.join("blobs"), depth)
        .await
        .expect("a walk")
}

/// A compute that has not settled with its operation, and a file with its row.
async fn state() -> Fixture {
    let fixture = fixture().await;
    let compute = attached(&fixture, "aks").await;
    let blobs = BlobStore::open(&fixture.folder.path().join("blobs")).expect("a folder");
    let mut writer = blobs.begin(1 << 20).await.expect("a writer");
    writer.write(b"bytes").await.expect("written");
    let stored = writer.finish().await.expect("stored");
    let mut writer = blobs.begin(1 << 20).await.expect("a writer");
    writer.write(b"block").await.expect("written");
    let block = writer.finish_block().await.expect("stored");
    let workspace = fixture.workspace.id;
    fixture
        .store
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                let mut create = operation(compute.id, 1);
                txn.compute_write_observed(
                    &compute.id,
                    compute.generation,
                    &Observed::NotYet,
                    now(),
                )
                .await?;
                create.workspace = Some(workspace);
                txn.operation_insert(&create).await?;
                let path: ArtifactPath = "LocalUpload/a/b".parse().expect("a path");
                let artifact = txn.artifact_reserve(&workspace, &path, now()).await?;
                let content = Content {
                    digest: stored.digest,
                    size: stored.size,
                    md5: Some(stored.md5),
                    content_type: "text/plain".to_owned(),
                    stored_at: now(),
                };
                txn.artifact_set_content(&artifact.id, &content, false)
                    .await?;
                let block = Block {
                    id: "YQ==".to_owned(),
                    file: block.file,
                    size: block.size,
                };
                txn.block_put(&artifact.id, &block, now()).await.map(drop)
            })
        })
        .await
        .expect("written");
    fixture
}

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(file)
        .foreign_keys(false)
        .connect()
        .await
        .expect("a connection")
}

#[tokio::test]
async fn a_whole_store_breaks_no_rule() {
    let fixture = state().await;
    let walked = walked(&fixture, Depth::Bytes).await;
    assert_eq!(walked.violations, []);
    // The compute, its cluster, its operation; the blob and the block.
    assert_eq!((walked.rows, walked.files), (3, 2));
}

#[tokio::test]
async fn every_broken_rule_is_told() {
    let fixture = state().await;
    let folder = fixture.folder.path();
    for (rule, statement) in [
        ("row-without-parent", "DELETE FROM managed_clusters"),
        ("open-operation-without-resource", "DELETE FROM computes"),
        ("unsettled-without-operation", "DELETE FROM operations"),
        ("wrong-settled-mark", "UPDATE computes SET is_settled = 1"),
        ("half-ended-operation", "UPDATE operations SET is_open = 0"),
        ("half-ended-operation", "UPDATE operations SET ended_at = 1"),
        (
            "two-open-operations",
            "INSERT INTO operations SELECT x'00112233445566778899aabbccddeeff', workspace, verb,
                 target_kind, target, target_name, generation, is_open, state, step, created_at,
                 ended_at FROM operations",
        ),
        (
            "operation-left-open",
            "UPDATE computes SET is_settled = 1, observed = '{\"Reached\":1}'",
        ),
        (
            "operation-of-another-resource",
            "UPDATE operations SET generation = 9",
        ),
        ("unreadable-row", "UPDATE computes SET spec = '{}'"),
        ("unreadable-row", "UPDATE operations SET state = '\"Lost\"'"),
        (
            "compute-without-its-cluster",
            "UPDATE computes SET spec = json_set(spec, '$.cluster',
                 '00112233-4455-6677-8899-aabbccddeeff')",
        ),
        ("wrong-block-total", "UPDATE artifacts SET block_count = 2"),
        ("wrong-block-total", "DELETE FROM blocks"),
        ("block-of-another-size", "UPDATE blocks SET size = 1"),
        (
            "block-missing",
            "UPDATE blocks SET file = x'00112233445566778899aabbccddeeff'",
        ),
        (
            "blob-of-another-size",
            "UPDATE artifacts SET content = json_set(content, '$.size', 1)",
        ),
        (
            "version-given-twice",
            "INSERT INTO models SELECT x'00', id, 'm', 1, '{}', '', 0, 0 FROM workspaces",
        ),
        (
            "model-terms-differ",
            "INSERT INTO models SELECT x'00', id, 'm', 1, '{\"tags\":{\"a\":\"b\"}}', '', 0, 0
                 FROM workspaces",
        ),
        (
            "model-terms-differ",
            "INSERT INTO models SELECT x'00', id, 'm', 1, '{}', '', 0, 0 FROM workspaces;
             INSERT INTO model_terms SELECT x'00', 'f=Onnx', id, 'm', -1 FROM workspaces",
        ),
        (
            "model-terms-differ",
            "INSERT INTO models SELECT x'00', id, 'm', 1, '{\"framework\":\"Onnx\"}', '', 0, 0
                 FROM workspaces;
             INSERT INTO model_terms SELECT x'00', 'f=Onnx', id, 'n', -1 FROM workspaces",
        ),
        (
            "sealed-field",
            "UPDATE managed_clusters SET kubeconfig = x'00112233445566778899aabbccddeeff00'",
        ),
    ] {
        let copy = folder.join("broken.db");
        let _ = std::fs::remove_file(&copy);
        sqlx::query("VACUUM INTO ?")
            .bind(copy.to_str().expect("text"))
            .execute(&mut connect(&folder.join("wharf.db")).await)
            .await
            .expect("a copy");
        let mut other = connect(&copy).await;
        sqlx::raw_sql(statement)
            .execute(&mut other)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
        let seal = SealKey::new(&[7; 32]).expect("a key");
        let walked = walk(&copy, seal, &folder.join("blobs"), Depth::Sizes).await;
        let found = walked.expect("a walk").violations;
        assert!(
            found.iter().any(|it| it.rule == rule),
            "{statement} should break {rule}: {found:?}"
        );
    }
}

#[tokio::test]
async fn bytes_that_changed_are_told_when_they_are_read() {
    let fixture = state().await;
    let sha256 = fixture.folder.path().join("blobs/sha256");
    let blob = std::fs::read_dir(sha256)
        .expect("folders")
        .flat_map(|folder| std::fs::read_dir(folder.expect("a folder").path()).expect("files"))
        .map(|file| file.expect("a file").path())
        .next()
        .expect("a blob");
    std::fs::write(&blob, b"other").expect("written");
    assert_eq!(walked(&fixture, Depth::Sizes).await.violations, []);
    let found = walked(&fixture, Depth::Bytes).await.violations;
    assert_eq!(found[0].rule, "blob-with-other-bytes");
    std::fs::remove_file(&blob).expect("removed");
    let found = walked(&fixture, Depth::Sizes).await.violations;
    assert_eq!((found.len(), found[0].rule), (1, "blob-missing"));
    assert!(found[0].what.starts_with("LocalUpload/a/b"), "{found:?}");
}
