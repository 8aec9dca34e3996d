//! What takes long, or whose caller has gone, holds nobody up.

use std::sync::Arc;

use futures_util::FutureExt as _;
use wharf_core::{
    compute::ComputeRequest, deployment::DeploymentState, endpoint::Endpoint,
    endpoint_request::EndpointRequest, keys::KeyKind, operation::OperationState,
    resource::Observed,
};
use wharf_store::StoreError;

use crate::{
    Written,
    testing::{TestApp, endpoint_request},
};

/// More builds than steps that run at once.
const MANY: usize = 17;

async fn update(test: &TestApp, request: EndpointRequest) -> Written<Endpoint> {
    let (app, name) = (&test.app, request.name.clone());
    let known = test.endpoint(&name).await.generation;
    let written = app
        .endpoint_update(&test.caller, &test.path, &name, known, request)
        .await;
    written.expect("accepted")
}

#[tokio::test]
async fn a_revoked_key_goes_although_its_caller_left() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    test.deploy("iris", "aks").await;
    // No step of a reconciler: the write itself does what must follow.
    test.stop_reconcilers().await;
    let mut routes = test.app.routes();
    let before = Arc::clone(&routes.borrow_and_update().routes["iris"]);
    let leaving = Box::pin(test.app.endpoint_regenerate_key(
        &test.caller,
        &test.path,
        "iris",
        KeyKind::Primary,
        None,
    ));
    assert!(leaving.now_or_never().is_none(), "it has only begun");
    let changed = routes.wait_for(|table| table.routes["iris"] != before);
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(30), changed).await;
    assert!(in_time.expect("the route changes").is_ok());
}

#[tokio::test]
async fn a_write_wakes_its_reconciler_although_its_caller_left() {
    let test = TestApp::new().await;
    let request = ComputeRequest::default();
    let leaving = Box::pin(
        test.app
            .compute_put(&test.caller, &test.path, "mine", request),
    );
    assert!(leaving.now_or_never().is_none(), "it has only begun");
    let id = test
        .until("it is written", || async {
            let found = test.app.compute_get(&test.caller, &test.path, "mine").await;
            found.ok().map(|(_, compute)| compute.id)
        })
        .await;
    while !test.app.inner.computes.is_woken(id) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_look_brings_a_stale_route_up_to_date() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    let endpoint = test.deploy("iris", "aks").await;
    let mut routes = test.app.routes();
    let before = Arc::clone(&routes.borrow_and_update().routes["iris"]);
    let id = endpoint.id;
    test.store()
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                let mut keys = txn.endpoint_keys(&id).await?.expect("keys");
                keys.primary = wharf_core::Secret::new("another-primary");
                txn.endpoint_keys_put(&id, &keys).await
            })
        })
        .await
        .unwrap();
    test.app.inner.endpoints.wake(id);
    let changed = routes.wait_for(|table| table.routes["iris"] != before);
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(30), changed).await;
    assert!(in_time.expect("the route changes").is_ok());
}

#[tokio::test]
async fn builds_that_hang_hold_no_other_service_up() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    test.deploy("ready", "aks").await;
    test.deploy("leaving", "aks").await;
    test.environments.hold(true);
    let begun = test.environments.begun();
    for number in 0..MANY {
        let request = endpoint_request(&format!("waiting{number}"), "aks", &[]);
        test.create_endpoint(request).await;
    }
    while test.environments.begun() < begun + MANY {
        tokio::task::yield_now().await;
    }
    let mut scaled = endpoint_request("ready", "aks", &["ready-model:1"]);
    scaled.replicas = Some(2);
    let scaled = update(&test, scaled).await.operation;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let gone = app.endpoint_delete(caller, path, "leaving").await.unwrap();
    for operation in [scaled, gone.expect("it was there")] {
        assert_eq!(test.ended(operation).await.state, OperationState::Succeeded);
    }
    test.environments.hold(false);
}

#[tokio::test]
async fn a_slow_goodbye_of_the_old_revision_holds_no_change_up() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    test.deploy("iris", "aks").await;
    test.register_model("other").await;
    test.backend.hold_removals(true);
    for replicas in [1, 2] {
        let mut request = endpoint_request("iris", "aks", &["other:1"]);
        request.replicas = Some(replicas);
        let written = update(&test, request).await;
        let ended = test.ended(written.operation).await;
        assert_eq!(ended.state, OperationState::Succeeded);
    }
    assert_eq!(test.backend.keys().len(), 2, "the old one is still there");
    let mut changes = test.backend.changes();
    test.backend.hold_removals(false);
    while test.backend.keys().len() > 1 {
        changes.recv().await.expect("a change");
    }
    let endpoint = test.endpoint("iris").await;
    assert_eq!(endpoint.state(), DeploymentState::Healthy);
    assert_eq!(
        endpoint.status.observed,
        Observed::Reached(endpoint.generation)
    );
}
