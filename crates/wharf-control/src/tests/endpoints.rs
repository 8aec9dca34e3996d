//! Endpoints, seen from a client: what is refused, how states read, who wins.

use std::time::Duration;

use wharf_core::{
    Error, Result, Secret,
    compute::ComputeRequest,
    deployment::DeploymentState,
    endpoint::Endpoint,
    endpoint_request::EndpointRequest,
    environment::EnvironmentError,
    finding::Finding,
    keys::KeyKind,
    operation::{OperationId, OperationState},
    resource::Failure,
    route::Route,
};
use wharf_testkit::{Build, Start};

use super::fields;
use crate::{
    Written,
    testing::{TestApp, endpoint_request},
};

async fn create(test: &TestApp, request: EndpointRequest) -> Result<Written<Endpoint>> {
    test.app
        .endpoint_create(&test.caller, &test.path, request)
        .await
}

async fn update(test: &TestApp, request: EndpointRequest) -> Result<Written<Endpoint>> {
    let known = test.endpoint(&request.name).await;
    let name = request.name.clone();
    test.app
        .endpoint_update(&test.caller, &test.path, &name, known.generation, request)
        .await
}

async fn log(test: &TestApp, operation: OperationId) -> Vec<String> {
    let id = operation.to_string();
    let read = test
        .app
        .operation_log(&test.caller, &test.path, &id, 0)
        .await;
    let lines = read.unwrap().lines;
    lines.into_iter().map(|(_, line)| line).collect()
}

async fn failure(test: &TestApp, operation: OperationId) -> Failure {
    match test.ended(operation).await.state {
        OperationState::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// An attached compute `aks`, an uploaded script and the model `iris:1`.
async fn ready() -> (TestApp, EndpointRequest) {
    let test = TestApp::new().await;
    test.attach_compute("aks").await;
    test.upload_script().await;
    test.register_model("iris").await;
    (test, endpoint_request("iris", "aks", &["iris:1"]))
}

#[tokio::test]
async fn every_name_that_leads_nowhere_is_found_at_once() {
    let test = TestApp::new().await;
    test.environments
        .set_findings(vec![Finding::new("python", "no such package")]);
    test.backend.set_findings(vec![Finding::new(
        "environmentImageRequest.assets",
        "hostile",
    )]);
    let mut request = endpoint_request("iris", "nowhere", &["iris:1"]);
    request.code[0].name = "other.py".into();
    assert_eq!(
        fields(create(&test, request).await),
        [
            "environmentImageRequest.environment.python",
            "computeName",
            "environmentImageRequest.modelIds",
            "environmentImageRequest.assets",
            "environmentImageRequest.environment.environmentVariables.AZUREML_ENTRY_SCRIPT",
            "environmentImageRequest.assets",
        ]
    );
}

#[tokio::test]
async fn a_hostile_archive_is_refused_before_anything_is_written() {
    let (test, request) = ready().await;
    let hostile = Finding::new("environmentImageRequest.assets", "leaves its folder");
    test.backend.set_findings(vec![hostile]);
    let refused = create(&test, request.clone()).await;
    assert_eq!(fields(refused), ["environmentImageRequest.assets"]);
    let checked = test
        .app
        .endpoint_check(&test.caller, &test.path, &request, false)
        .await;
    assert_eq!(fields(checked), ["environmentImageRequest.assets"]);
    let missing = test
        .app
        .endpoint_get(&test.caller, &test.path, "iris")
        .await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    test.backend.set_findings(Vec::new());
    let before = test.deploy("iris2", "aks").await;
    let hostile = Finding::new("environmentImageRequest.assets", "leaves its folder");
    test.backend.set_findings(vec![hostile]);
    let changed = endpoint_request("iris2", "aks", &["iris:1"]);
    assert_eq!(
        fields(update(&test, changed).await),
        ["environmentImageRequest.assets"]
    );
    assert_eq!(test.endpoint("iris2").await, before);
}

#[tokio::test]
async fn a_replica_that_fits_no_node_is_refused() {
    let (test, mut request) = ready().await;
    request.resources.cpu = Some(4.5);
    request.resources.memory_gb = Some(15.0);
    assert_eq!(
        fields(create(&test, request.clone()).await),
        [
            "containerResourceRequirements.cpu",
            "containerResourceRequirements.memoryInGB"
        ]
    );
    request.resources.cpu = Some(4.0);
    request.resources.memory_gb = Some(14.0);
    create(&test, request).await.unwrap();
}

#[tokio::test]
async fn a_backend_without_room_makes_it_unschedulable() {
    let (test, request) = ready().await;
    test.backend
        .set_refusal(Some(("Unschedulable", "no node has 4 free cores")));
    let written = create(&test, request).await.unwrap();
    let failure = failure(&test, written.operation).await;
    assert_eq!(failure.message, "no node has 4 free cores");
    let endpoint = test.endpoint("iris").await;
    assert_eq!(endpoint.state(), DeploymentState::Unschedulable);
}

#[tokio::test]
async fn a_failed_build_says_which_step_and_the_log_has_its_lines() {
    let (test, request) = ready().await;
    test.environments
        .set_build(Build::Fail(EnvironmentError::Failed {
            step: "resolve",
            message: "no version of nosuch".into(),
        }));
    let written = create(&test, request.clone()).await.unwrap();
    let why = failure(&test, written.operation).await;
    assert_eq!(why.code, "EnvironmentBuildFailed");
    assert!(why.message.contains("resolve") && why.message.contains("nosuch"));
    let lines = log(&test, written.operation).await;
    assert_eq!(lines[..2], ["Resolving", "Installing"]);
    assert!(lines[2].contains("nosuch"), "{lines:?}");
    assert_eq!(test.endpoint("iris").await.state(), DeploymentState::Failed);
    // A change of the spec helps.
    test.environments.set_build(Build::Ready);
    let mended = update(&test, request).await.unwrap();
    let ended = test.ended(mended.operation).await;
    assert_eq!(ended.state, OperationState::Succeeded);
    assert!(matches!(
        test.operation(written.operation).await.state,
        OperationState::Failed(_)
    ));
}

#[tokio::test]
async fn build_lines_come_as_they_are_written() {
    let (test, request) = ready().await;
    test.environments.hold(true);
    let written = create(&test, request).await.unwrap();
    test.until("the build has begun", || async {
        let operation = test.operation(written.operation).await;
        (operation.step.as_deref() == Some("BuildEnvironment")).then_some(())
    })
    .await;
    while test.environments.begun() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(log(&test, written.operation).await, ["Resolving"]);
    // Without replicas, the service's log is that of what makes them.
    let text = test
        .app
        .endpoint_logs(&test.caller, &test.path, "iris", 100)
        .await;
    assert_eq!(text.unwrap(), "Resolving\n");
    test.environments.hold(false);
    test.ended(written.operation).await;
    let lines = log(&test, written.operation).await;
    assert_eq!(lines[..2], ["Resolving", "Installing"]);
    assert!(lines.last().unwrap().contains("healthy"), "{lines:?}");
}

#[tokio::test]
async fn a_failing_init_shows_its_last_lines() {
    let (test, request) = ready().await;
    test.backend.set_start(Start::Fail("KeyError: 'x'".into()));
    let written = create(&test, request).await.unwrap();
    let failure = failure(&test, written.operation).await;
    assert_eq!(failure.code, "ReplicaFailed");
    assert!(failure.message.contains("The last lines of its log:\n"));
    assert!(failure.message.ends_with("KeyError: 'x'"), "{failure:?}");
    assert_eq!(test.endpoint("iris").await.state(), DeploymentState::Failed);
}

#[tokio::test]
async fn a_service_that_stops_answering_is_unhealthy_until_it_answers_again() {
    let (test, request) = ready().await;
    let written = create(&test, request).await.unwrap();
    test.ended(written.operation).await;
    let key = test.backend.keys().remove(0);
    test.backend.crash(&key, "out of memory");
    let state_of = |wanted: DeploymentState| {
        let test = &test;
        async move {
            test.until("the state changes", || async {
                let endpoint = test.endpoint("iris").await;
                (endpoint.state() == wanted).then_some(endpoint)
            })
            .await
        }
    };
    let endpoint = state_of(DeploymentState::Unhealthy).await;
    let failure = endpoint
        .status
        .deployments
        .values()
        .next()
        .unwrap()
        .failure
        .clone();
    assert!(failure.unwrap().message.contains("out of memory"));
    assert!(test.app.routes().borrow().routes.contains_key("iris"));
    test.backend.set_start(Start::Ready);
    state_of(DeploymentState::Healthy).await;
    // What has ended stays as it was.
    let ended = test.operation(written.operation).await;
    assert_eq!(ended.state, OperationState::Succeeded);
}

#[tokio::test]
async fn a_failed_update_leaves_what_serves() {
    let (test, request) = ready().await;
    let written = create(&test, request.clone()).await.unwrap();
    test.ended(written.operation).await;
    let serving = Route::clone(&test.app.routes().borrow().routes["iris"]);
    test.register_model("iris").await;
    test.backend.set_start(Start::Fail("no".into()));
    let changed = EndpointRequest {
        models: vec!["iris:2".into()],
        ..request
    };
    let updated = update(&test, changed).await.unwrap();
    failure(&test, updated.operation).await;
    assert_eq!(*test.app.routes().borrow().routes["iris"], serving);
}

#[tokio::test]
async fn a_deployment_waits_for_its_compute() {
    let test = TestApp::new().await;
    test.provider.set_slow(true);
    test.start_reconcilers();
    let compute = test
        .app
        .compute_put(&test.caller, &test.path, "mine", ComputeRequest::default())
        .await
        .unwrap();
    test.upload_script().await;
    let written = create(&test, endpoint_request("iris", "mine", &[]))
        .await
        .unwrap();
    while log(&test, written.operation).await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        log(&test, written.operation).await,
        ["Waiting for compute `mine` to be ready"]
    );
    assert!(test.backend.keys().is_empty());
    test.provider.set_slow(false);
    test.ended(compute.operation).await;
    let ended = test.ended(written.operation).await;
    assert_eq!(ended.state, OperationState::Succeeded);
}

#[tokio::test]
async fn a_delete_does_not_wait_for_a_build() {
    let (test, request) = ready().await;
    test.environments.hold(true);
    let written = create(&test, request.clone()).await.unwrap();
    while test.environments.begun() == 0 {
        tokio::task::yield_now().await;
    }
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let deleted = app.endpoint_delete(caller, path, "iris").await.unwrap();
    for (operation, state) in [
        (deleted.unwrap(), OperationState::Succeeded),
        (written.operation, OperationState::Canceled),
    ] {
        assert_eq!(test.ended(operation).await.state, state);
    }
    let missing = app.endpoint_get(caller, path, "iris").await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_name_that_is_going_says_so() {
    let (test, request) = ready().await;
    let written = create(&test, request.clone()).await.unwrap();
    test.ended(written.operation).await;
    test.stop_reconcilers().await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let taken = create(&test, request.clone()).await.unwrap_err();
    assert!(taken.to_string().contains("is there already"), "{taken}");
    let first = app.endpoint_delete(caller, path, "iris").await.unwrap();
    let again = app.endpoint_delete(caller, path, "iris").await.unwrap();
    assert_eq!(first, again);
    for busy in [
        create(&test, request.clone()).await.map(|_| ()),
        update(&test, request.clone()).await.map(|_| ()),
        app.endpoint_name_check(caller, path, "iris").await,
        app.endpoint_check(caller, path, &request, false).await,
        app.endpoint_check(caller, path, &request, true).await,
    ] {
        let busy = busy.unwrap_err();
        assert!(matches!(busy, Error::Conflict { .. }));
        assert!(busy.to_string().contains("being deleted"), "{busy}");
    }
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins_and_the_other_is_told() {
    let (test, request) = ready().await;
    let written = create(&test, request.clone()).await.unwrap();
    test.ended(written.operation).await;
    let known = test.endpoint("iris").await;
    let change = |text: &str| {
        let request = EndpointRequest {
            description: Some(text.to_owned()),
            ..request.clone()
        };
        test.app
            .endpoint_update(&test.caller, &test.path, "iris", known.generation, request)
    };
    let (first, second) = tokio::join!(change("first"), change("second"));
    let won = [&first, &second].map(|it| it.is_ok());
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    let lost = if won[0] { second } else { first };
    assert!(matches!(lost, Err(Error::Conflict { .. })));
    assert_eq!(
        test.endpoint("iris").await.generation,
        known.generation.next()
    );
    let (first, second) = tokio::join!(
        create(&test, endpoint_request("twin", "aks", &[])),
        create(&test, endpoint_request("twin", "aks", &[])),
    );
    assert!(first.is_ok() != second.is_ok());
}

#[tokio::test]
async fn properties_are_only_added_and_keys_are_kept() {
    let (test, mut request) = ready().await;
    request.properties.insert("a".into(), "1".into());
    request.primary_key = Some(Secret::new("first-primary"));
    create(&test, request.clone()).await.unwrap();
    let keys = async || {
        test.app
            .endpoint_keys(&test.caller, &test.path, "iris")
            .await
            .unwrap()
    };
    let before = keys().await;
    assert_eq!(before.primary.reveal(), "first-primary");
    let mut changed = request.clone();
    changed.properties.insert("a".into(), "2".into());
    assert_eq!(fields(update(&test, changed).await), ["properties.a"]);
    // From a git checkout the SDK sends these anew each time.
    for commit in ["c1", "c2"] {
        let mut tracked = request.clone();
        let name = "azureml.git.commit".to_owned();
        tracked.properties.insert(name.clone(), commit.into());
        update(&test, tracked).await.unwrap();
        assert_eq!(test.endpoint("iris").await.spec.properties[&name], commit);
    }
    // An overwrite keeps the properties, and the keys that it does not name.
    let mut over = endpoint_request("iris", "aks", &["iris:1"]);
    over.overwrite = true;
    create(&test, over.clone()).await.unwrap();
    assert_eq!(test.endpoint("iris").await.spec.properties["a"], "1");
    assert_eq!(keys().await, before);
    // What it names is its own, and the check before says the same.
    over.properties.insert("a".into(), "3".into());
    let checked = test
        .app
        .endpoint_check(&test.caller, &test.path, &over, false);
    checked.await.unwrap();
    create(&test, over.clone()).await.unwrap();
    assert_eq!(test.endpoint("iris").await.spec.properties["a"], "3");
    over.secondary_key = Some(Secret::new("another-secondary"));
    create(&test, over).await.unwrap();
    assert_eq!(keys().await.primary, before.primary);
    assert_eq!(keys().await.secondary.reveal(), "another-secondary");
}

#[tokio::test]
async fn a_regenerated_key_works_at_once() {
    let (test, request) = ready().await;
    let written = create(&test, request).await.unwrap();
    test.ended(written.operation).await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let before = app.endpoint_keys(caller, path, "iris").await.unwrap();
    let route = Route::clone(&app.routes().borrow().routes["iris"]);
    let operation = app
        .endpoint_regenerate_key(caller, path, "iris", KeyKind::Primary, None)
        .await
        .unwrap();
    let state = test.operation(operation).await.state;
    assert_eq!(state, OperationState::Succeeded);
    let after = app.endpoint_keys(caller, path, "iris").await.unwrap();
    assert_ne!(after.primary, before.primary);
    assert_eq!(after.secondary, before.secondary);
    assert_ne!(*app.routes().borrow().routes["iris"], route);
    let bad = Some(Secret::new("short"));
    let refused = app
        .endpoint_regenerate_key(caller, path, "iris", KeyKind::Secondary, bad)
        .await;
    assert_eq!(fields(refused), ["keyValue"]);
}

#[tokio::test]
async fn a_clock_that_is_set_ends_nothing() {
    let (test, request) = ready().await;
    test.backend.set_start(Start::Hang);
    let written = create(&test, request).await.unwrap();
    let day = Duration::from_secs(24 * 3600);
    test.until("it is on its way", || async {
        (!test.backend.keys().is_empty()).then_some(())
    })
    .await;
    // A look of the reconciler, to its end.
    let look = async || {
        let before = test.backend.calls().len();
        test.backend.set_start(Start::Hang);
        while test.backend.calls().len() < before + 2 {
            test.backend.set_start(Start::Hang);
            tokio::task::yield_now().await;
        }
    };
    test.clock.turn_back(day);
    look().await;
    test.clock.advance(day * 3_650);
    look().await;
    assert!(test.operation(written.operation).await.state.is_open());
    test.backend.set_start(Start::Ready);
    let ended = test.ended(written.operation).await;
    assert_eq!(ended.state, OperationState::Succeeded);
}

#[tokio::test]
async fn another_workspace_sees_no_endpoint() {
    let (test, request) = ready().await;
    let written = create(&test, request).await.unwrap();
    let other = test.add_workspace("other").await;
    let (app, caller) = (&test.app, &test.caller);
    let missing = app.endpoint_get(caller, &other, "iris").await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    let keys = app.endpoint_keys(caller, &other, "iris").await;
    assert!(matches!(keys, Err(Error::NotFound { .. })));
    let deleted = app.endpoint_delete(caller, &other, "iris").await;
    assert_eq!(deleted.unwrap(), None);
    let id = written.operation.to_string();
    let lines = app.operation_log(caller, &other, &id, 0).await;
    assert!(matches!(lines, Err(Error::NotFound { .. })));
    // Its computes and models cannot be used from there either.
    let refused = app
        .endpoint_create(caller, &other, endpoint_request("iris", "aks", &["iris:1"]))
        .await;
    assert_eq!(
        fields(refused),
        [
            "computeName",
            "environmentImageRequest.modelIds",
            "environmentImageRequest.assets"
        ]
    );
}

#[tokio::test]
async fn two_workspaces_may_have_services_of_one_name() {
    let (mut test, request) = ready().await;
    let first = create(&test, request.clone()).await.unwrap();
    let other = test.add_workspace("other").await;
    test.path = other.clone();
    test.upload_script().await;
    let (app, caller) = (&test.app, &test.caller);
    let compute = ComputeRequest::default();
    app.compute_put(caller, &other, "aks2", compute)
        .await
        .unwrap();
    let again = endpoint_request("iris", "aks2", &[]);
    app.endpoint_name_check(caller, &other, "iris")
        .await
        .unwrap();
    app.endpoint_check(caller, &other, &again, false)
        .await
        .unwrap();
    let second = app.endpoint_create(caller, &other, again).await.unwrap();
    let of_first = "https://localhost:8444/api/v1/service/iris/score";
    assert_eq!(app.scoring_uri(&first.resource), of_first);
    let workspace = second.resource.workspace;
    assert_eq!(
        app.scoring_uri(&second.resource),
        format!("https://localhost:8444/workspaces/{workspace}/api/v1/service/iris/score")
    );
    let mut routes = app.routes();
    let keys = ["iris".to_owned(), format!("{workspace}/iris")];
    let both = routes.wait_for(|table| keys.iter().all(|key| table.routes.contains_key(key)));
    assert_eq!(
        both.await.unwrap().routes[&keys[1]].workspace,
        Some(workspace)
    );
}
