//! Quotas: what is too much is refused as a whole, and counted without a race.

use wharf_core::{
    Error,
    operation::OperationState,
    quota::{OverQuota, Quota, Quotas},
};

use crate::{
    blobs::BlobHeaders,
    models::ModelRequest,
    sas::Permission,
    testing::{TestApp, endpoint_request},
};

async fn with(quotas: Quotas) -> TestApp {
    TestApp::with(move |settings| settings.quotas = quotas).await
}

async fn used(test: &TestApp, quota: Quota) -> u64 {
    let workspace = test.app.workspace_get(&test.caller, &test.path).await;
    let workspace = workspace.expect("the workspace").id;
    let mut session = test.store().read().await.expect("a session");
    session
        .usage_get(&workspace, quota)
        .await
        .expect("a number")
}

#[track_caller]
fn assert_over<T: std::fmt::Debug>(result: Result<T, Error>, expected: OverQuota) {
    match result {
        Err(Error::QuotaExceeded(over)) => assert_eq!(over, expected),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn models_and_their_bytes_have_a_limit() {
    let test = with(Quotas {
        models: 2,
        bytes: 9,
        ..Quotas::default()
    })
    .await;
    // Each has a file of four bytes.
    test.register_model("mod1").await;
    let second = test.register_model("mod2").await;
    assert_eq!(used(&test, Quota::Bytes).await, 8);
    let request = || ModelRequest {
        name: "mod2".to_owned(),
        url: second.spec.url.clone(),
        ..ModelRequest::default()
    };
    let third = test
        .app
        .model_register(&test.caller, &test.path, request())
        .await;
    let models = OverQuota {
        quota: Quota::Models,
        used: 2,
        most: 2,
    };
    assert_over(third, models);
    let message = Error::QuotaExceeded(models).to_string();
    assert!(message.contains("2 versions of models") && message.contains("--most-models"));

    let place = "LocalUpload/mod3/model.pkl".parse().expect("a path");
    let places = std::slice::from_ref(&place);
    let reserved = test
        .app
        .artifact_reserve(&test.caller, &test.path, places)
        .await;
    let (workspace, _) = reserved.expect("announced");
    let grant = test
        .app
        .sas_grant(workspace.id, place.clone(), Permission::Write);
    let mut upload = test.app.blob_upload(&grant).await.expect("begun");
    upload.write(b"four").await.expect("taken");
    let stored = test
        .app
        .blob_commit(&grant, upload, BlobHeaders::default())
        .await;
    assert_over(
        stored,
        OverQuota {
            quota: Quota::Bytes,
            used: 8,
            most: 9,
        },
    );
    assert_eq!(used(&test, Quota::Bytes).await, 8);

    let id = second.id.to_string();
    test.app
        .model_delete(&test.caller, &test.path, &id)
        .await
        .expect("deleted");
    assert_eq!(used(&test, Quota::Models).await, 1);
    assert_eq!(used(&test, Quota::Bytes).await, 4);
    test.register_model("mod4").await;
}

#[tokio::test]
async fn services_computes_and_operations_have_a_limit() {
    let test = with(Quotas {
        services: 1,
        computes: 1,
        operations: 2,
        ..Quotas::default()
    })
    .await;
    test.attach_compute("aks").await;
    assert_eq!(used(&test, Quota::Operations).await, 0);
    let second = test
        .app
        .compute_put(&test.caller, &test.path, "aks2", Default::default())
        .await;
    assert_over(
        second,
        OverQuota {
            quota: Quota::Computes,
            used: 1,
            most: 1,
        },
    );
    test.deploy("svc", "aks").await;
    let model = test.register_model("other").await.id.to_string();
    let request = endpoint_request("svc2", "aks", &[&model]);
    let second = test
        .app
        .endpoint_create(&test.caller, &test.path, request)
        .await;
    assert_over(
        second,
        OverQuota {
            quota: Quota::Services,
            used: 1,
            most: 1,
        },
    );
    // Nothing of what was refused is there: no row, and no operation that stays open.
    assert_eq!(used(&test, Quota::Services).await, 1);
    assert_eq!(used(&test, Quota::Operations).await, 0);
}

#[tokio::test]
async fn no_race_lets_one_pass() {
    let test = with(Quotas {
        models: 5,
        ..Quotas::default()
    })
    .await;
    let first = test.register_model("raced").await;
    let register = || {
        let (app, caller, path) = (test.app.clone(), test.caller.clone(), test.path.clone());
        let request = ModelRequest {
            name: "raced".to_owned(),
            url: first.spec.url.clone(),
            ..ModelRequest::default()
        };
        tokio::spawn(async move { app.model_register(&caller, &path, request).await })
    };
    let racing: Vec<_> = (0..40).map(|_| register()).collect();
    let mut passed = 0;
    for one in racing {
        passed += usize::from(one.await.expect("no panic").is_ok());
    }
    assert_eq!((passed, used(&test, Quota::Models).await), (4, 5));
}

#[tokio::test]
async fn a_limit_that_is_lowered_takes_nothing_away() {
    let mut test = TestApp::new().await;
    test.attach_compute("aks").await;
    let endpoint = test.deploy("svc", "aks").await;
    test.restart().await;
    let over = Quotas {
        models: 1,
        bytes: 1,
        services: 1,
        operations: 1,
        computes: 1,
    };
    let written = test
        .store()
        .write::<_, wharf_store::StoreError, _>(move |txn| {
            Box::pin(async move { txn.quotas_put(&over).await })
        });
    written.await.expect("written");
    test.start_reconcilers();
    assert_eq!(test.endpoint("svc").await.name, endpoint.name);
    let removed = test
        .app
        .endpoint_delete(&test.caller, &test.path, "svc")
        .await;
    let operation = removed.expect("taken").expect("an operation");
    assert_eq!(test.ended(operation).await.state, OperationState::Succeeded);
}
