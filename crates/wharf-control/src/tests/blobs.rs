//! What uploads leave on the disk, and what the sweep takes away.

use std::{fs, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use wharf_core::{
    Error, Result,
    digest::Digest,
    endpoint::EndpointStatus,
    model::{ArtifactPath, Content},
    resource::{Generation, Observed},
};

use super::fields;
use crate::{
    blobs::{BlobHeaders, MOST_BLOCKS},
    sas::{Permission, SasGrant},
    sweep,
    testing::{TestApp, endpoint_request},
};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const LARGEST: u64 = 1_000;

async fn app() -> TestApp {
    TestApp::with(|settings| settings.largest_blob = LARGEST).await
}

async fn grant(test: &TestApp, artifact: &str) -> SasGrant {
    let place: ArtifactPath = artifact.parse().unwrap();
    let announced = test
        .app
        .artifact_reserve(&test.caller, &test.path, std::slice::from_ref(&place))
        .await;
    let (workspace, _) = announced.unwrap();
    test.app.sas_grant(workspace.id, place, Permission::Write)
}

fn block_id(number: usize) -> String {
    STANDARD.encode(format!("{number:08}"))
}

async fn put_block(test: &TestApp, grant: &SasGrant, number: usize, bytes: &[u8]) -> Result<()> {
    let mut upload = test.app.blob_upload(grant).await?;
    upload.write(bytes).await?;
    let block = block_id(number);
    test.app
        .blob_block_commit(grant, upload, &block, None)
        .await
}

async fn put_blob(test: &TestApp, grant: &SasGrant, bytes: &[u8], anew: bool) -> Result<Content> {
    let mut upload = test.app.blob_upload(grant).await?;
    upload.write(bytes).await?;
    let headers = BlobHeaders {
        only_if_absent: anew,
        ..BlobHeaders::default()
    };
    test.app.blob_commit(grant, upload, headers).await
}

fn files_in(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => files.extend(files_in(path)),
            false => files.push(path),
        }
    }
    files
}

/// Bytes on the disk, of whole blobs and of blocks.
fn stored(test: &TestApp) -> u64 {
    let files = files_in(test.folder().join("blobs"));
    files.iter().map(|it| fs::metadata(it).unwrap().len()).sum()
}

fn has_blob(test: &TestApp, bytes: &[u8]) -> bool {
    let digest = Digest::of(bytes).to_string();
    let folder = test.folder().join("blobs/sha256").join(&digest[..2]);
    folder.join(&digest[2..]).exists()
}

/// Makes every file as old as the App's clock says that it is `age` old.
fn make_older(test: &TestApp, age: Duration) {
    let then = test.app.now().checked_sub(age).unwrap();
    let since = Duration::from_micros(then.as_microsecond().try_into().unwrap());
    for file in files_in(test.folder().join("blobs")) {
        let file = fs::File::options().append(true).open(file).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + since).unwrap();
    }
}

async fn sweep_blobs(test: &TestApp) -> usize {
    let seen = sweep::unnamed_blobs(&test.app).await.unwrap();
    sweep::remove_unnamed(&test.app, seen).await.unwrap()
}

#[tokio::test]
async fn a_block_that_replaces_another_frees_it() {
    let test = app().await;
    let grant = grant(&test, "LocalUpload/a/file").await;
    for round in 0..20u8 {
        put_block(&test, &grant, 1, &[round; 400]).await.unwrap();
    }
    assert_eq!(stored(&test), 400);
    put_block(&test, &grant, 2, &[7; 600]).await.unwrap();
    let refused = put_block(&test, &grant, 3, b"x").await;
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
    let refused = put_block(&test, &grant, 1, &[7; 401]).await;
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
    assert_eq!(stored(&test), 1_000, "what was refused left nothing");
    let list = [block_id(1), block_id(2)];
    let whole = test
        .app
        .blob_block_list_commit(&grant, &list, BlobHeaders::default())
        .await;
    assert_eq!(whole.unwrap().size, 1_000);
    assert_eq!(stored(&test), 1_000, "blocks go when their blob is whole");
    // The total counts from nothing again.
    put_block(&test, &grant, 1, &[1; 1_000]).await.unwrap();
}

#[tokio::test]
async fn the_number_of_blocks_is_bounded() {
    let test = app().await;
    let grant = grant(&test, "LocalUpload/a/file").await;
    put_block(&test, &grant, 1, b"x").await.unwrap();
    let artifact = grant.artifact.clone();
    let workspace = grant.workspace;
    // 49,999 more, without 49,999 files.
    test.store()
        .write::<_, Error, _>(move |txn| {
            Box::pin(async move {
                let found = txn.artifact_get(&workspace, &artifact).await?;
                let artifact = found.expect("announced").id;
                for number in 2..=MOST_BLOCKS {
                    let block = wharf_store::blocks::Block {
                        id: block_id(number),
                        file: uuid::Uuid::new_v4(),
                        size: 0,
                    };
                    txn.block_put(&artifact, &block, jiff::Timestamp::UNIX_EPOCH)
                        .await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
    let refused = put_block(&test, &grant, MOST_BLOCKS + 1, b"x").await;
    assert_eq!(fields(refused), ["blockid"]);
    put_block(&test, &grant, 1, b"y").await.unwrap();
}

#[tokio::test]
async fn what_was_overwritten_goes_and_what_is_named_stays() {
    let test = app().await;
    let place = grant(&test, "LocalUpload/a/file").await;
    put_blob(&test, &place, b"old", false).await.unwrap();
    let refused = put_blob(&test, &place, b"refused", true).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert!(!has_blob(&test, b"refused"));
    put_blob(&test, &place, b"new", false).await.unwrap();
    make_older(&test, DAY / 2);
    assert_eq!(sweep_blobs(&test).await, 0, "too young");
    make_older(&test, DAY * 2);
    let seen = sweep::unnamed_blobs(&test.app).await.unwrap();
    assert_eq!(seen, [Digest::of(b"old")]);
    // Uploaded again between the looks: once only as a file, once with its row.
    let other = grant(&test, "LocalUpload/b/file").await;
    put_blob(&test, &other, b"old", false).await.unwrap();
    let removed = sweep::remove_unnamed(&test.app, seen.clone()).await;
    assert_eq!(removed.unwrap(), 0);
    put_blob(&test, &other, b"else", false).await.unwrap();
    let removed = sweep::remove_unnamed(&test.app, seen).await;
    assert_eq!(removed.unwrap(), 0, "its file is young");
    make_older(&test, DAY * 2);
    assert_eq!(sweep_blobs(&test).await, 1);
    assert!(!has_blob(&test, b"old"));
    assert!(has_blob(&test, b"new") && has_blob(&test, b"else"));
}

#[tokio::test]
async fn blocks_of_an_upload_that_broke_off_go() {
    let test = app().await;
    let grant = grant(&test, "LocalUpload/a/file").await;
    put_block(&test, &grant, 1, b"block").await.unwrap();
    // A kill between the file and its row.
    let lost = test
        .folder()
        .join("blobs/blocks")
        .join(uuid::Uuid::new_v4().to_string());
    fs::write(&lost, b"lost").unwrap();
    sweep::blocks(&test.app).await.unwrap();
    assert!(lost.exists(), "too young");
    make_older(&test, DAY * 2);
    sweep::blocks(&test.app).await.unwrap();
    assert!(!lost.exists());
    assert_eq!(stored(&test), 5, "a block waits for its list");
    test.clock.advance(DAY * 8);
    sweep::blocks(&test.app).await.unwrap();
    assert_eq!(stored(&test), 0);
    let list = [block_id(1)];
    let refused = test
        .app
        .blob_block_list_commit(&grant, &list, BlobHeaders::default())
        .await;
    assert_eq!(fields(refused), ["BlockList"]);
}

#[tokio::test]
async fn pinned_files_of_deployments_stay() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    let endpoint = test.deploy("iris", "aks").await;
    test.stop_reconcilers().await;
    let script = endpoint.spec.deployments[0].template.code[0].digest;
    let there = |test: &TestApp| {
        let digits = script.to_string();
        let folder = test.folder().join("blobs/sha256").join(&digits[..2]);
        folder.join(&digits[2..]).exists()
    };
    // The script is overwritten, and the newest spec takes the new one; a replica of
    // the old one may serve until the newest is reached.
    let mut spec = endpoint.spec.clone();
    let artifact = test.upload_script().await.path.to_string();
    let newer = test.upload(&artifact, b"newer").await.content.unwrap();
    make_older(&test, DAY * 2);
    assert_eq!(sweep_blobs(&test).await, 0, "the newest spec names it");
    spec.deployments[0].template.code[0].digest = newer.digest;
    let next = Generation(endpoint.generation.0 + 1);
    let row = endpoint.clone();
    let now = test.app.now();
    let write = test.store().write::<_, Error, _>(move |txn| {
        Box::pin(async move { Ok(txn.endpoint_update_spec(&row, next, &spec, now).await?) })
    });
    assert!(write.await.unwrap());
    assert_eq!(sweep_blobs(&test).await, 0, "an older spec may serve");
    assert!(there(&test));
    let status = EndpointStatus {
        observed: Observed::Reached(next),
        ..endpoint.status.clone()
    };
    let key = endpoint.id;
    let write = test.store().write::<_, Error, _>(move |txn| {
        Box::pin(async move { Ok(txn.endpoint_write_status(&key, next, &status, now).await?) })
    });
    assert!(write.await.unwrap());
    assert_eq!(sweep_blobs(&test).await, 1);
    assert!(!there(&test));
    assert!(has_blob(&test, b"newer"));
}

#[tokio::test]
async fn a_deleted_model_takes_its_files_along() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    test.register_model("gone").await;
    // Two versions over the same upload.
    test.register_model("kept").await;
    test.register_model("kept").await;
    // Deployed, then replaced: replicas are made from what was pinned.
    let endpoint = test.deploy("iris", "aks").await;
    assert!(app.model_delete(caller, path, "gone:1").await.unwrap());
    assert!(app.model_delete(caller, path, "kept:1").await.unwrap());
    let used = app.model_delete(caller, path, "iris-model:1").await;
    assert!(matches!(used, Err(Error::Precondition { .. })));
    make_older(&test, DAY * 2);
    assert_eq!(sweep_blobs(&test).await, 1);
    assert!(!has_blob(&test, b"gone"));
    assert!(has_blob(&test, b"kept") && has_blob(&test, b"iris-model"));
    app.model_get(caller, path, "kept:2").await.unwrap();
    let request = endpoint_request("again", "aks", &["kept:2"]);
    let written = test.create_endpoint(request).await;
    let state = test.ended(written.operation).await.state;
    assert_eq!(state, wharf_core::operation::OperationState::Succeeded);
    assert_eq!(endpoint.spec.deployments.len(), 1);
}
