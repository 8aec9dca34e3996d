//! The way of the how-to: attach, register, deploy, delete, detach.

use wharf_core::{
    compute::{Origin, Removal},
    deployment::DeploymentState,
    operation::OperationState,
};

use crate::testing::TestApp;

#[tokio::test]
async fn the_how_to_goes_through_and_leaves_the_cluster_alone() {
    let test = TestApp::new().await;
    let compute = test.attach_compute("myaks").await;
    assert_eq!(compute.spec.origin, Origin::Attached);
    let endpoint = test.deploy("iris", "myaks").await;
    let statuses: Vec<_> = endpoint.status.deployments.values().collect();
    assert_eq!(statuses.len(), 1);
    assert_eq!(statuses[0].state, DeploymentState::Healthy);
    let routes = test.app.routes();
    assert!(routes.borrow().routes.contains_key("iris"));

    let (caller, path) = (&test.caller, &test.path);
    let deleted = test.app.endpoint_delete(caller, path, "iris").await;
    let operation = test.ended(deleted.unwrap().unwrap()).await;
    assert_eq!(operation.state, OperationState::Succeeded);
    assert!(test.backend.keys().is_empty());
    assert!(routes.borrow().routes.is_empty());

    let removed = test
        .app
        .compute_remove(caller, path, "myaks", Removal::Detach)
        .await;
    let operation = test.ended(removed.unwrap().unwrap()).await;
    assert_eq!(operation.state, OperationState::Succeeded);
    assert_eq!(test.backend.marker(compute.spec.cluster), None);
    assert!(test.provider.has(compute.spec.cluster));
    test.attach_compute("myaks2").await;
}

#[tokio::test]
async fn a_restart_changes_nobody_and_nothing() {
    let mut test = TestApp::new().await;
    let bearer = test.bearer().await;
    let compute = test.create_compute("mine").await;
    let before = test.deploy("iris", "mine").await;
    let first = test.app.administrator().clone();
    test.restart().await;
    assert_eq!(*test.app.administrator(), first);
    assert_eq!(test.app.authenticate(&bearer).await.unwrap(), test.caller);
    test.start_reconcilers();
    let (_, again) = test
        .app
        .compute_get(&test.caller, &test.path, "mine")
        .await
        .unwrap();
    assert_eq!(again, compute);
    assert_eq!(test.endpoint("iris").await, before);
    assert!(test.app.routes().borrow().routes.contains_key("iris"));
}
