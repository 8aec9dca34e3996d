//! The end of a managed cluster, seen from a client.

use wharf_core::{
    Error, Result,
    compute::{ComputeRequest, KubernetesRequest, Removal},
    managed_cluster::ManagedCluster,
    operation::{OperationId, OperationState},
};

use super::{
    computes::{attach, create, get, put, remove},
    fields,
};
use crate::testing::TestApp;

async fn delete(test: &TestApp, name: &str) -> Result<Option<(ManagedCluster, OperationId)>> {
    let (subscription, group) = (&test.path.subscription, &test.path.group);
    test.app
        .managed_cluster_remove(&test.caller, subscription, group, name)
        .await
}

#[tokio::test]
async fn a_cluster_with_a_compute_stays_and_names_it() {
    let test = TestApp::new().await;
    let compute = test.create_compute("mine").await;
    let made = compute.spec.cluster_id.name().to_owned();
    let refused = delete(&test, &made).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict { .. }));
    let text = refused.to_string();
    let named = "is attached as compute `mine` in workspace `default`; delete or detach that";
    assert!(text.contains(named), "{text}");
    // Detached, the made cluster stays until it is deleted.
    let gone = remove(&test, "mine", Removal::Detach).await.unwrap();
    test.ended(gone.unwrap()).await;
    assert!(test.provider.has(compute.spec.cluster));
    let (_, operation) = delete(&test, &made).await.unwrap().unwrap();
    let ended = test.ended(operation).await;
    assert_eq!(ended.state, OperationState::Succeeded);
    assert!(!test.provider.has(compute.spec.cluster));
    assert_eq!(delete(&test, &made).await.unwrap(), None);
}

#[tokio::test]
async fn a_cluster_that_goes_is_not_attached_and_goes_after_a_kill_too() {
    let mut test = TestApp::new().await;
    let (_, operation) = delete(&test, "local").await.unwrap().unwrap();
    let (_, again) = delete(&test, "LOCAL").await.unwrap().unwrap();
    assert_eq!(again, operation);
    assert_eq!(
        fields(put(&test, "mine", attach(&test)).await),
        ["properties.resourceId"]
    );
    test.restart().await;
    test.start_reconcilers();
    let ended = test.ended(operation).await;
    assert_eq!(ended.state, OperationState::Succeeded);
}

#[tokio::test]
async fn a_kubernetes_compute_is_attached_and_keeps_its_kind() {
    let test = TestApp::new().await;
    let kubernetes = |request: ComputeRequest| ComputeRequest {
        kubernetes: Some(KubernetesRequest {
            namespace: Some("models".into()),
            ..KubernetesRequest::default()
        }),
        ..request
    };
    let made = put(&test, "kube", kubernetes(create())).await;
    assert_eq!(fields(made), ["properties.resourceId"]);
    let compute = test.put_compute("kube", kubernetes(attach(&test))).await;
    let settings = compute.spec.kubernetes.clone().expect("its settings");
    assert_eq!(settings.namespace.as_str(), "models");
    let again = put(&test, "kube", kubernetes(attach(&test))).await.unwrap();
    assert_eq!(again.resource.generation, compute.generation);
    // As another kind it is another compute.
    let refused = put(&test, "kube", attach(&test)).await.unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("already exists: Kubernetes attached"),
        "{text}"
    );
    assert!(text.contains("computeType AKS"), "{text}");
    let edited = ComputeRequest {
        is_read_back: true,
        ..attach(&test)
    };
    let refused = put(&test, "kube", edited).await;
    assert_eq!(fields(refused), ["properties.computeType"]);
    let moved = ComputeRequest {
        is_read_back: true,
        kubernetes: Some(KubernetesRequest {
            namespace: Some("other".into()),
            ..KubernetesRequest::default()
        }),
        ..attach(&test)
    };
    let refused = put(&test, "kube", moved).await;
    assert_eq!(fields(refused), ["properties.properties.namespace"]);
    assert_eq!(get(&test, "kube").await.unwrap().spec, compute.spec);
    let refused = remove(&test, "kube", Removal::Delete).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })));
}

#[tokio::test]
async fn a_cluster_of_another_subscription_is_refused() {
    let test = TestApp::new().await;
    let other = uuid::Uuid::from_u128(9).to_string();
    let request = ComputeRequest {
        resource_id: Some(
            test.local_cluster_id()
                .replace(&test.path.subscription, &other),
        ),
        ..create()
    };
    let refused = put(&test, "mine", request).await.unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("only of the workspace's own subscription"),
        "{text}"
    );
}
