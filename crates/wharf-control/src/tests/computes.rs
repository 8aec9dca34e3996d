//! The how-to's rules on computes, seen from a client.

use wharf_core::{
    Error, Result,
    compute::{Compute, ComputeRequest, LoadBalancer, Origin, ProvisioningState, Removal},
    network::NetworkRequest,
    operation::{OperationId, OperationState},
    resource::Observed,
    tls::TlsRequest,
};

use super::fields;
use crate::{Page, Written, managed_clusters::ManagedClusterRequest, testing::TestApp};

pub(super) async fn put(
    test: &TestApp,
    name: &str,
    request: ComputeRequest,
) -> Result<Written<Compute>> {
    test.app
        .compute_put(&test.caller, &test.path, name, request)
        .await
}

pub(super) async fn get(test: &TestApp, name: &str) -> Result<Compute> {
    let found = test.app.compute_get(&test.caller, &test.path, name).await;
    found.map(|(_, compute)| compute)
}

pub(super) async fn remove(
    test: &TestApp,
    name: &str,
    removal: Removal,
) -> Result<Option<OperationId>> {
    test.app
        .compute_remove(&test.caller, &test.path, name, removal)
        .await
}

pub(super) fn create() -> ComputeRequest {
    ComputeRequest::default()
}

pub(super) fn attach(test: &TestApp) -> ComputeRequest {
    ComputeRequest {
        resource_id: Some(test.local_cluster_id()),
        ..create()
    }
}

pub(super) fn stranger() -> wharf_core::backend::OwnershipMarker {
    wharf_core::backend::OwnershipMarker {
        workspace: uuid::Uuid::from_u128(1),
        compute_id: uuid::Uuid::from_u128(2),
        compute: "theirs".into(),
        incarnation: uuid::Uuid::from_u128(2),
    }
}

fn state(compute: &Compute) -> ProvisioningState {
    ProvisioningState::of(
        compute.generation,
        &compute.observed,
        compute.spec.removal.is_some(),
    )
}

#[tokio::test]
async fn a_created_compute_has_three_default_nodes_and_goes_with_its_cluster() {
    let test = TestApp::new().await;
    let written = put(&test, "mine", create()).await.unwrap();
    assert!(written.is_new);
    assert_eq!(state(&written.resource), ProvisioningState::Creating);
    test.start_reconcilers();
    test.ended(written.operation).await;
    let compute = get(&test, "MINE").await.unwrap();
    assert_eq!(state(&compute), ProvisioningState::Succeeded);
    assert_eq!(compute.spec.origin, Origin::Created);
    assert_eq!(compute.spec.agent_count, 3);
    assert_eq!(compute.spec.vm_size, "Standard_D3_v2");
    assert!(test.provider.has(compute.spec.cluster));

    let operation = remove(&test, "mine", Removal::Delete).await.unwrap();
    test.ended(operation.unwrap()).await;
    assert!(matches!(
        get(&test, "mine").await,
        Err(Error::NotFound { .. })
    ));
    assert!(!test.provider.has(compute.spec.cluster));
    assert_eq!(remove(&test, "mine", Removal::Delete).await.unwrap(), None);
}

#[tokio::test]
async fn every_broken_rule_comes_at_once_with_its_field() {
    let test = TestApp::new().await;
    let request = ComputeRequest {
        purpose: Some("Prod".into()),
        agent_count: Some(-1),
        vm_size: Some("Huge".into()),
        load_balancer_subnet: Some("subnet".into()),
        tls: Some(TlsRequest {
            status: Some("Auto".into()),
            leaf_label: Some("-".into()),
            ..TlsRequest::default()
        }),
        description: Some("x".repeat(5_000)),
        network: NetworkRequest {
            service_cidr: Some("10.0.0.0/16".into()),
            dns_service_ip: Some("10.1.0.10".into()),
            ..NetworkRequest::default()
        },
        ..create()
    };
    let refused = put(&test, "1-", request).await;
    assert_eq!(
        fields(refused),
        [
            "name",
            "properties.properties.clusterPurpose",
            "properties.properties.agentCount",
            "properties.properties.agentVmSize",
            "properties.properties.aksNetworkingConfiguration.subnetId",
            "properties.properties.aksNetworkingConfiguration.dockerBridgeCidr",
            "properties.properties.aksNetworkingConfiguration.dnsServiceIP",
            "properties.description",
            "properties.properties.sslConfiguration.leafDomainLabel",
            "properties.properties.loadBalancerSubnet",
        ]
    );
    // Too few cores are told beside a bad name.
    let few = ComputeRequest {
        agent_count: Some(1),
        ..create()
    };
    assert_eq!(
        fields(put(&test, "1-", few).await),
        ["name", "properties.properties.agentCount"]
    );
    assert!(matches!(
        get(&test, "1-").await,
        Err(Error::NotFound { .. })
    ));
    let clusters = test
        .app
        .compute_list(&test.caller, &test.path, None, &Page::first(10))
        .await;
    assert!(clusters.unwrap().items.is_empty());
}

#[tokio::test]
async fn production_needs_twelve_cores_and_tests_two() {
    let test = TestApp::new().await;
    let sized = |purpose: &str, count, size: &str| ComputeRequest {
        purpose: Some(purpose.into()),
        agent_count: Some(count),
        vm_size: Some(size.into()),
        ..create()
    };
    for (number, (purpose, count, size, is_good)) in [
        ("FastProd", 2, "Standard_D3_v2", false),
        ("FastProd", 3, "Standard_D3_v2", true),
        ("FastProd", 11, "Standard_D1_v2", false),
        ("FastProd", 12, "Standard_D1_v2", true),
        ("DevTest", 1, "Standard_D1_v2", false),
        ("DevTest", 2, "Standard_D1_v2", true),
    ]
    .into_iter()
    .enumerate()
    {
        let written = put(&test, &format!("aks{number}"), sized(purpose, count, size)).await;
        if is_good {
            assert!(written.is_ok(), "{purpose} {count} {size}");
        } else {
            assert_eq!(fields(written), ["properties.properties.agentCount"]);
        }
    }
}

#[tokio::test]
async fn an_attached_compute_can_only_be_detached_and_its_cluster_stays() {
    let test = TestApp::new().await;
    let compute = test.attach_compute("myaks").await;
    let refused = remove(&test, "myaks", Removal::Delete).await.unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, Error::Conflict { .. }));
    assert!(text.contains("detach"), "{text}");
    let operation = remove(&test, "myaks", Removal::Detach).await.unwrap();
    test.ended(operation.unwrap()).await;
    assert!(test.provider.has(compute.spec.cluster));
    assert_eq!(test.backend.marker(compute.spec.cluster), None);
    assert_eq!(test.provider.effects().len(), 1, "made, and never deleted");
}

#[tokio::test]
async fn the_version_of_an_attached_cluster_is_supported_or_warned_of() {
    let test = TestApp::new().await;
    let version = async |text: &str| test.set_local_version(text).await;
    version("1.32.11").await;
    let refused = put(&test, "mine", attach(&test)).await.unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains(
            "1.32.11, which is not supported; supported are 1.36 (preview), 1.35, 1.34, 1.33"
        ),
        "{text}"
    );
    // The way out is an upgrade, to what is supported.
    let upgrade = async |text: &str| {
        let request = ManagedClusterRequest {
            kubernetes_version: Some(text.to_owned()),
            ..ManagedClusterRequest::default()
        };
        let (subscription, group) = (&test.path.subscription, &test.path.group);
        test.app
            .managed_cluster_import(&test.caller, subscription, group, "local", request)
            .await
            .map(|written| written.resource.spec.kubernetes_version)
    };
    let refused = upgrade("1.20.0").await.unwrap_err().to_string();
    let targets = "1.33.5, 1.33.7, 1.34.2, 1.34.4, 1.35.1";
    assert!(refused.contains(targets), "{refused}");
    assert_eq!(upgrade("1.35.1").await.unwrap(), "1.35.1");
    version("1.36.0").await;
    let written = put(&test, "mine", attach(&test)).await.unwrap();
    let warnings = &written.resource.spec.warnings;
    assert!(warnings[0].message.contains("preview"), "{warnings:?}");
    let operation = test.operation(written.operation).await;
    assert_eq!(
        test.app.compute_warnings(&operation).await.unwrap(),
        *warnings
    );
}

#[tokio::test]
async fn a_second_attachment_names_the_first() {
    let test = TestApp::new().await;
    test.attach_compute("first").await;
    let other = test.add_workspace("other").await;
    for path in [&test.path, &other] {
        let refused = test
            .app
            .compute_put(&test.caller, path, "second", attach(&test))
            .await;
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("`first` in workspace `default`"), "{text}");
    }
}

#[tokio::test]
async fn a_cluster_that_a_stranger_holds_fails_the_attachment_and_names_him() {
    let test = TestApp::new().await;
    let written = put(&test, "mine", attach(&test)).await.unwrap();
    let stranger = stranger();
    let cluster = written.resource.spec.cluster;
    test.backend.put_marker(cluster, stranger.clone());
    test.start_reconcilers();
    let operation = test.ended(written.operation).await;
    let OperationState::Failed(failure) = operation.state else {
        panic!("{operation:?}")
    };
    assert!(failure.message.contains("`theirs`"), "{failure:?}");
    assert_eq!(
        state(&get(&test, "mine").await.unwrap()),
        ProvisioningState::Failed
    );
    // Letting go of it leaves the stranger's marker.
    let operation = remove(&test, "mine", Removal::Detach).await.unwrap();
    test.ended(operation.unwrap()).await;
    assert_eq!(test.backend.marker(cluster), Some(stranger));
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_named() {
    let test = TestApp::new().await;
    let good = test.local_cluster_id();
    for bad in [
        good.replace("/local", "/nowhere"),
        good.replace("wharf", "elsewhere"),
        good.replace("managedClusters", "pools"),
        "local".to_owned(),
    ] {
        let request = ComputeRequest {
            resource_id: Some(bad),
            ..create()
        };
        assert_eq!(
            fields(put(&test, "mine", request).await),
            ["properties.resourceId"]
        );
    }
}

#[tokio::test]
async fn an_internal_load_balancer_is_stored_and_shown() {
    let test = TestApp::new().await;
    let request = ComputeRequest {
        load_balancer_type: Some("InternalLoadBalancer".into()),
        load_balancer_subnet: Some("subnet".into()),
        ..create()
    };
    let compute = test.put_compute("mine", request).await;
    let subnet = Some("subnet".to_owned());
    assert_eq!(
        compute.spec.load_balancer,
        LoadBalancer::Internal { subnet }
    );
}

#[tokio::test]
async fn a_compute_with_services_stays_and_names_them() {
    let test = TestApp::new().await;
    test.attach_compute("myaks").await;
    test.deploy("iris", "myaks").await;
    // Also while one is on its way.
    test.environments.hold(true);
    test.register_model("other").await;
    let request = crate::testing::endpoint_request("other", "myaks", &["other:1"]);
    test.create_endpoint(request).await;
    let refused = remove(&test, "myaks", Removal::Detach).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }));
    assert!(refused.to_string().contains("iris, other"), "{refused}");
    assert_eq!(get(&test, "myaks").await.unwrap().spec.removal, None);
}

#[tokio::test]
async fn a_delete_during_the_creation_ends_both() {
    let test = TestApp::new().await;
    test.provider.set_slow(true);
    let created = put(&test, "mine", create()).await.unwrap();
    let gone = remove(&test, "mine", Removal::Delete)
        .await
        .unwrap()
        .unwrap();
    // Asked again, the same is under way; anything else is told so.
    let again = remove(&test, "mine", Removal::Delete).await.unwrap();
    assert_eq!(again, Some(gone));
    let busy = put(&test, "mine", create()).await.unwrap_err();
    assert!(matches!(busy, Error::Conflict { .. }));
    assert!(
        busy.to_string().contains("a delete is under way since"),
        "{busy}"
    );
    test.start_reconcilers();
    // The creation did not come to what it wanted.
    for (operation, state) in [
        (created.operation, OperationState::Canceled),
        (gone, OperationState::Succeeded),
    ] {
        assert_eq!(test.ended(operation).await.state, state);
    }
    assert!(!test.provider.has(created.resource.spec.cluster));
    test.provider.set_slow(false);
    // The name is free again, for another life.
    let again = test.create_compute("mine").await;
    assert_ne!(again.id, created.resource.id);
}

#[tokio::test]
async fn what_was_written_before_a_kill_is_done_after_it() {
    let mut test = TestApp::new().await;
    // No reconciler runs: the kill comes between the write and its signal.
    let written = put(&test, "mine", create()).await.unwrap();
    test.restart().await;
    assert!(test.operation(written.operation).await.state.is_open());
    test.start_reconcilers();
    let ended = test.ended(written.operation).await;
    assert_eq!(ended.state, OperationState::Succeeded);
    let compute = get(&test, "mine").await.unwrap();
    assert_eq!(compute.observed, Observed::Reached(compute.generation));
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_it() {
    let test = TestApp::new().await;
    let written = put(&test, "mine", create()).await.unwrap();
    let other = test.add_workspace("other").await;
    let (app, caller) = (&test.app, &test.caller);
    let missing = app.compute_get(caller, &other, "mine").await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
    let removed = app
        .compute_remove(caller, &other, "mine", Removal::Delete)
        .await;
    assert_eq!(removed.unwrap(), None);
    let listed = app
        .compute_list(caller, &other, None, &Page::first(10))
        .await;
    assert!(listed.unwrap().items.is_empty());
    let id = written.operation.to_string();
    let operation = app.operation_get(caller, Some(&other), &id).await;
    assert!(matches!(operation, Err(Error::NotFound { .. })));
    for (subscription, group, workspace) in [
        ("not-a-guid", "wharf", "default"),
        (test.path.subscription.as_str(), "nowhere", "default"),
        (test.path.subscription.as_str(), "wharf", "nowhere"),
    ] {
        let path = wharf_core::workspace::WorkspacePath {
            subscription: subscription.into(),
            group: group.into(),
            workspace: workspace.into(),
        };
        let missing = app.compute_put(caller, &path, "mine", create()).await;
        assert!(matches!(missing, Err(Error::NotFound { .. })));
    }
}

#[tokio::test]
async fn pages_walk_all_computes_once() {
    let test = TestApp::new().await;
    for number in 0..7 {
        put(&test, &format!("Aks{number}"), create()).await.unwrap();
    }
    let mut page = Page::first(3);
    let mut names = Vec::new();
    loop {
        let listed = test
            .app
            .compute_list(&test.caller, &test.path, None, &page)
            .await
            .unwrap();
        names.extend(
            listed
                .items
                .into_iter()
                .map(|compute| compute.name.to_string()),
        );
        let Some(next) = listed.next else { break };
        page.after = Some(next);
    }
    let expected: Vec<_> = (0..7).map(|number| format!("Aks{number}")).collect();
    assert_eq!(names, expected);
}
