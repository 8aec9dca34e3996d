//! Uploads, assets and models, seen from a client.

use std::collections::BTreeMap;

use wharf_core::{
    Error,
    model::{ArtifactPath, AssetArtifact},
};

use super::fields;
use crate::{
    Page,
    blobs::BlobHeaders,
    models::{ModelChange, ModelFilter, ModelRequest},
    sas::Permission,
    testing::TestApp,
};

#[tokio::test]
async fn versions_count_up_and_are_never_used_again() {
    let test = TestApp::new().await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    for version in 1..=3 {
        let model = test.register_model("iris").await;
        assert_eq!(model.id.version, version);
    }
    assert!(app.model_delete(caller, path, "iris:3").await.unwrap());
    assert!(!app.model_delete(caller, path, "iris:3").await.unwrap());
    assert_eq!(test.register_model("iris").await.id.version, 4);
    let query = ModelFilter {
        latest_only: true,
        ..ModelFilter::default()
    };
    let listed = app.model_list(caller, path, &query, &Page::first(10)).await;
    let ids: Vec<_> = listed
        .unwrap()
        .items
        .iter()
        .map(|model| model.id.to_string())
        .collect();
    assert_eq!(ids, ["iris:4"]);
    let bad = Page {
        after: Some("nonsense".into()),
        limit: 1,
    };
    let refused = app
        .model_list(caller, path, &ModelFilter::default(), &bad)
        .await;
    assert_eq!(fields(refused), ["$skipToken"]);
}

#[tokio::test]
async fn a_registration_names_every_broken_rule() {
    let test = TestApp::new().await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let request = ModelRequest {
        name: "not a name!".into(),
        url: "https://elsewhere".into(),
        description: Some("x".repeat(40_000)),
        framework: Some("Mine".into()),
        ..ModelRequest::default()
    };
    let refused = app.model_register(caller, path, request).await;
    assert_eq!(fields(refused), ["name", "url", "description", "framework"]);
    // An asset of files that were announced and never came has no file.
    let place: ArtifactPath = "LocalUpload/a/model.pkl".parse().unwrap();
    app.artifact_reserve(caller, path, &[place]).await.unwrap();
    let artifacts = vec![AssetArtifact::Prefix("LocalUpload/a".into())];
    let asset = app
        .asset_create(caller, path, "a", artifacts)
        .await
        .unwrap();
    let request = ModelRequest {
        name: "iris".into(),
        url: format!("aml://asset/{}", asset.id),
        ..ModelRequest::default()
    };
    let refused = app.model_register(caller, path, request).await;
    assert_eq!(fields(refused), ["url"]);
    let up = vec![AssetArtifact::Prefix("LocalUpload/../secret".into())];
    let refused = app.asset_create(caller, path, "a", up).await;
    assert_eq!(fields(refused), ["artifacts.prefix"]);
    assert_eq!(
        fields(app.asset_create(caller, path, "a", Vec::new()).await),
        ["artifacts"]
    );
    // The same files a thousand times cost a thousand look-ups.
    let twice = ["LocalUpload/a", "LocalUpload/a/"].map(|it| AssetArtifact::Prefix(it.into()));
    let refused = app.asset_create(caller, path, "a", twice.to_vec()).await;
    assert_eq!(fields(refused), ["artifacts[1]"]);
}

#[tokio::test]
async fn what_is_said_of_a_model_changes_but_properties_are_only_added() {
    let test = TestApp::new().await;
    test.register_model("iris").await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let change = |name: &str, value: &str| ModelChange {
        tags: BTreeMap::from([(name.to_owned(), value.to_owned())]),
        properties: BTreeMap::from([("p".to_owned(), value.to_owned())]),
        ..ModelChange::default()
    };
    let model = app
        .model_update(caller, path, "iris:1", change("a", "1"))
        .await;
    assert_eq!(model.unwrap().spec.tags["a"], "1");
    let model = app
        .model_update(caller, path, "iris:1", change("b", "1"))
        .await
        .unwrap();
    assert!(!model.spec.tags.contains_key("a"));
    let refused = app
        .model_update(caller, path, "iris:1", change("b", "2"))
        .await;
    assert_eq!(fields(refused), ["properties.p"]);
    let kept = app.model_get(caller, path, "iris:1").await.unwrap();
    assert_eq!(kept.spec.tags["b"], "1");
}

#[tokio::test]
async fn a_model_in_use_stays_and_names_the_service() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    test.deploy("iris", "aks").await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let refused = app
        .model_delete(caller, path, "iris-model:1")
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Precondition { .. }));
    assert!(refused.to_string().contains("iris"), "{refused}");
}

#[tokio::test]
async fn another_workspace_sees_no_model_no_asset_and_no_file() {
    let test = TestApp::new().await;
    let model = test.register_model("iris").await;
    let other = test.add_workspace("other").await;
    let (app, caller) = (&test.app, &test.caller);
    let missing = app.model_get(caller, &other, "iris:1").await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    assert!(!app.model_delete(caller, &other, "iris:1").await.unwrap());
    let asset = model.spec.asset.to_string();
    let missing = app.asset_get(caller, &other, &asset).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    let place: ArtifactPath = "LocalUpload/iris/model.pkl".parse().unwrap();
    let missing = app.artifact_get(caller, &other, &place).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    // Nor does a signature for one workspace open the other's file of that name.
    let there = app.workspace_get(caller, &other).await.unwrap();
    let grant = app.sas_grant(there.id, place, Permission::Read);
    let missing = app.blob_read(&grant, None).await.err();
    assert!(matches!(missing, Some(Error::NotFound { .. })));
}

#[tokio::test]
async fn an_upload_is_whole_checked_and_bounded() {
    let test = TestApp::with(|settings| settings.largest_blob = 8).await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let place: ArtifactPath = "LocalUpload/a/file".parse().unwrap();
    let workspace = app.workspace_get(caller, path).await.unwrap().id;
    let write = app.sas_grant(workspace, place.clone(), Permission::Write);
    let unannounced = app.blob_upload(&write).await.err();
    assert!(matches!(unannounced, Some(Error::NotFound { .. })));
    let places = std::slice::from_ref(&place);
    app.artifact_reserve(caller, path, places).await.unwrap();
    let read = app.sas_grant(workspace, place.clone(), Permission::Read);
    assert!(matches!(
        app.blob_upload(&read).await.err(),
        Some(Error::Forbidden { .. })
    ));

    let mut upload = app.blob_upload(&write).await.unwrap();
    assert!(matches!(
        upload.write(b"123456789").await,
        Err(Error::TooLarge { limit: 8, .. })
    ));
    upload.write(b"1234").await.unwrap();
    let wrong = BlobHeaders {
        content_md5: Some("AAAA".into()),
        ..BlobHeaders::default()
    };
    assert_eq!(
        fields(app.blob_commit(&write, upload, wrong).await),
        ["Content-MD5"]
    );
    let missing = app.artifact_get(caller, path, &place).await;
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "half-written"
    );

    let mut upload = app.blob_upload(&write).await.unwrap();
    upload.write(b"12345").await.unwrap();
    let block = "QQ==".to_owned();
    app.blob_block_commit(&write, upload, &block, None)
        .await
        .unwrap();
    let headers = BlobHeaders {
        // Not ASCII, longer than what is kept, cut inside a character.
        content_type: Some("ä".repeat(200)),
        ..BlobHeaders::default()
    };
    let twice = [block.clone(), block.clone()];
    let both = app
        .blob_block_list_commit(&write, &twice, headers.clone())
        .await;
    assert!(matches!(both, Err(Error::TooLarge { .. })));
    let unknown = ["Qw==".to_owned()];
    let refused = app
        .blob_block_list_commit(&write, &unknown, headers.clone())
        .await;
    assert_eq!(fields(refused), ["BlockList"]);
    let content = app
        .blob_block_list_commit(&write, &twice[..1], headers)
        .await
        .unwrap();
    assert_eq!((content.size, content.content_type.len()), (5, 254));
    for range in [(5, None), (4, Some(3)), (u64::MAX, None)] {
        let refused = app.blob_read(&read, Some(range)).await.map(|_| ());
        assert_eq!(fields(refused), ["Range"]);
    }
}
