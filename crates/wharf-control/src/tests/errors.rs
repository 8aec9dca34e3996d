//! Errors that stay, and what they leave alone.

use std::time::Duration;

use wharf_core::{
    compute::{ComputeRequest, Removal},
    deployment::DeploymentState,
    environment::EnvironmentError,
    operation::{OperationId, OperationState},
    resource::{Failure, Observed},
};
use wharf_testkit::{Build, Start};

use crate::testing::{TestApp, endpoint_request};

const LONG: Duration = Duration::from_secs(31 * 60);

/// Lets half an hour go by once a step has failed, and looks again.
async fn given_up(test: &TestApp, key: uuid::Uuid, operation: OperationId) -> Failure {
    // A step of the generation before may still be at its end, and fail as well.
    let generation = test.operation(operation).await.generation;
    while !test.app.inner.patience.is_waiting(key, generation) {
        tokio::task::yield_now().await;
    }
    assert!(test.operation(operation).await.state.is_open());
    test.app.inner.patience.skip(LONG);
    test.app.inner.computes.wake(key);
    test.app.inner.endpoints.wake(key);
    match test.ended(operation).await.state {
        OperationState::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_compute_whose_cluster_stays_away_fails_and_comes_up_later() {
    let test = TestApp::new().await;
    test.provider.set_unavailable(true);
    test.start_reconcilers();
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let request = ComputeRequest::default();
    let written = app.compute_put(caller, path, "mine", request).await;
    let written = written.unwrap();
    let failure = given_up(&test, written.resource.id, written.operation).await;
    assert!(
        failure.message.contains("fake provider is away"),
        "{failure:?}"
    );
    test.provider.set_unavailable(false);
    test.app.inner.computes.wake(written.resource.id);
    test.until("the compute is there after all", || async {
        let (_, compute) = app.compute_get(caller, path, "mine").await.unwrap();
        (compute.observed == Observed::Reached(compute.generation)).then_some(())
    })
    .await;
    let ended = test.operation(written.operation).await.state;
    assert!(matches!(ended, OperationState::Failed(_)));
}

#[tokio::test]
async fn a_removal_that_was_given_up_can_be_asked_for_again() {
    let test = TestApp::new().await;
    let compute = test.attach_compute("mine").await;
    test.backend.set_unavailable(Some("the disk is gone"));
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let detach = async || {
        let removed = app.compute_remove(caller, path, "mine", Removal::Detach);
        removed.await.unwrap().expect("it is there")
    };
    let first = detach().await;
    let failure = given_up(&test, compute.id, first).await;
    assert!(failure.message.contains("the disk is gone"), "{failure:?}");
    let again = detach().await;
    assert_ne!(first, again);
    test.backend.set_unavailable(None);
    test.app.inner.computes.wake(compute.id);
    assert_eq!(test.ended(again).await.state, OperationState::Succeeded);
}

#[tokio::test]
async fn an_endpoint_whose_removal_keeps_failing_ends_its_operation() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    let endpoint = test.deploy("iris", "aks").await;
    test.backend.set_unavailable(Some("the disk is gone"));
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let delete = async || {
        let deleted = app.endpoint_delete(caller, path, "iris").await;
        deleted.unwrap().expect("it is there")
    };
    let first = delete().await;
    let failure = given_up(&test, endpoint.id, first).await;
    assert!(failure.message.contains("the disk is gone"), "{failure:?}");
    let again = delete().await;
    assert_ne!(first, again);
    test.backend.set_unavailable(None);
    test.app.inner.endpoints.wake(endpoint.id);
    assert_eq!(test.ended(again).await.state, OperationState::Succeeded);
}

#[tokio::test]
async fn what_serves_does_not_ask_the_builder_after_a_restart() {
    let mut test = TestApp::new().await;
    test.attach_compute("aks").await;
    let before = test.deploy("iris", "aks").await;
    let refused = EnvironmentError::Failed {
        step: "resolve",
        message: "the index is away".into(),
    };
    test.environments.set_build(Build::Fail(refused));
    let begun = test.environments.begun();
    let look = async |test: &TestApp| {
        let calls = test.backend.calls().len();
        test.start_reconcilers();
        test.app.inner.endpoints.wake(before.id);
        while test.backend.calls().len() == calls {
            tokio::task::yield_now().await;
        }
        test.stop_reconcilers().await;
        test.endpoint("iris").await
    };
    test.restart().await;
    assert_eq!(look(&test).await, before);
    assert_eq!(test.environments.begun(), begun);
    // Its interpreter is gone, and no other can be had: the replicas serve on.
    test.environments.set_gone(true);
    test.restart().await;
    test.start_reconcilers();
    let endpoint = test
        .until("the failure is told", || async {
            let endpoint = test.endpoint("iris").await;
            let mut statuses = endpoint.status.deployments.values();
            let is_told = statuses.any(|status| status.failure.is_some());
            is_told.then_some(endpoint)
        })
        .await;
    assert_eq!(endpoint.state(), DeploymentState::Healthy);
    assert_eq!(endpoint.status.observed, before.status.observed);
    let failure = endpoint.status.deployments.into_values().next();
    let failure = failure.and_then(|status| status.failure).expect("told");
    assert_eq!(failure.code, "EnvironmentBuildFailed");
}

#[tokio::test]
async fn a_change_of_tags_does_not_fail_for_a_restart_of_long_ago() {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    test.deploy("iris", "aks").await;
    let key = test.backend.keys().remove(0);
    test.backend.crash(&key, "out of memory");
    let mut request = endpoint_request("iris", "aks", &["iris-model:1"]);
    request.tags.insert("a".into(), "1".into());
    let known = test.endpoint("iris").await.generation;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let written = app
        .endpoint_update(caller, path, "iris", known, request)
        .await;
    let operation = written.unwrap().operation;
    test.until("it waits for the replica", || async {
        let endpoint = test.endpoint("iris").await;
        (endpoint.state() == DeploymentState::Transitioning).then_some(())
    })
    .await;
    assert!(test.operation(operation).await.state.is_open());
    test.backend.set_start(Start::Ready);
    assert_eq!(test.ended(operation).await.state, OperationState::Succeeded);
}
