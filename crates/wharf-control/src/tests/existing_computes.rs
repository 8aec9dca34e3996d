//! A PUT of a compute whose name is taken, seen from a client.

use wharf_core::{
    Error, Result,
    compute::{Compute, ComputeRequest, LoadBalancer, Removal},
};

use super::{
    computes::{attach, create, get, put, remove, stranger},
    fields,
};
use crate::{Written, testing::TestApp};

/// A document as it was read, to be edited and sent back.
fn read_back() -> ComputeRequest {
    ComputeRequest {
        is_read_back: true,
        ..create()
    }
}

fn conflict(refused: Result<Written<Compute>>) -> String {
    match refused {
        Err(error @ Error::Conflict { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_busy_name_says_what_is_under_way() {
    let test = TestApp::new().await;
    test.provider.set_slow(true);
    test.start_reconcilers();
    let made = put(&test, "mine", create()).await.unwrap();
    let since = made.resource.created_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let bigger = || ComputeRequest {
        agent_count: Some(7),
        ..read_back()
    };
    let text = conflict(put(&test, "mine", bigger()).await);
    let under_way = format!(
        "compute `mine`: is busy: a create is under way since {since} (operation {}); try again \
         when that has ended",
        made.operation
    );
    assert_eq!(text, under_way);
    test.provider.set_slow(false);
    test.ended(made.operation).await;

    test.stop_reconcilers().await;
    let update = put(&test, "mine", bigger()).await.unwrap();
    // The same again is no second change.
    let again = put(&test, "mine", bigger()).await.unwrap();
    assert_eq!(again.operation, update.operation);
    let other = ComputeRequest {
        agent_count: Some(9),
        ..read_back()
    };
    let text = conflict(put(&test, "mine", other).await);
    assert!(text.contains("an update is under way since"), "{text}");
    assert!(text.contains(&update.operation.to_string()), "{text}");
    test.start_reconcilers();
    test.ended(update.operation).await;
    assert_eq!(get(&test, "mine").await.unwrap().spec.agent_count, 7);

    test.stop_reconcilers().await;
    let gone = remove(&test, "mine", Removal::Detach).await.unwrap();
    for request in [create(), read_back()] {
        let text = conflict(put(&test, "mine", request).await);
        assert!(text.contains("a detach is under way since"), "{text}");
        assert!(text.contains(&gone.unwrap().to_string()), "{text}");
    }
    let refused = remove(&test, "mine", Removal::Delete).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("a detach is under way since"), "{text}");
}

#[tokio::test]
async fn a_create_of_what_is_there_is_answered_and_of_anything_else_refused() {
    let test = TestApp::new().await;
    let asked = || ComputeRequest {
        agent_count: Some(2),
        purpose: Some("DevTest".into()),
        ..create()
    };
    let first = put(&test, "mine", asked()).await.unwrap();
    // A retry before and after the end.
    for end in [false, true] {
        if end {
            test.start_reconcilers();
            test.ended(first.operation).await;
        }
        let again = put(&test, "Mine", asked()).await.unwrap();
        assert!(!again.is_new);
        assert_eq!(again.operation, first.operation);
        assert_eq!(again.resource.generation, first.resource.generation);
    }
    for (request, differs) in [
        (create(), "agentCount 3, clusterPurpose FastProd."),
        (
            ComputeRequest {
                agent_count: Some(5),
                ..asked()
            },
            "agentCount 5.",
        ),
        (
            ComputeRequest {
                vm_size: Some("Standard_NC6".into()),
                load_balancer_type: Some("InternalLoadBalancer".into()),
                compute_location: Some("westus".into()),
                ..asked()
            },
            "agentVmSize Standard_NC6, computeLocation westus, load balancer InternalLoadBalancer.",
        ),
    ] {
        let text = conflict(put(&test, "mine", request).await);
        assert!(text.contains("already exists: AKS created "), "{text}");
        assert!(
            text.contains("agentCount 2, agentVmSize Standard_D3_v2"),
            "{text}"
        );
        assert!(text.contains(&format!("with {differs}")), "{text}");
    }
    let text = conflict(put(&test, "mine", attach(&test)).await);
    assert!(text.contains("cluster `/subscriptions/"), "{text}");
    let known = get(&test, "mine").await.unwrap();
    assert_eq!(known.generation, first.resource.generation);
}

#[tokio::test]
async fn a_repeated_create_may_change_labels_and_repeats_a_failed_one() {
    let test = TestApp::new().await;
    let compute = test.attach_compute("myaks").await;
    let labelled = || ComputeRequest {
        tags: Some([("team".to_owned(), "a".to_owned())].into()),
        ..attach(&test)
    };
    let written = put(&test, "myaks", labelled()).await.unwrap();
    assert_eq!(written.resource.generation, compute.generation.next());
    assert_eq!(written.resource.spec.tags["team"], "a");
    // While that is under way, other labels have to wait.
    test.stop_reconcilers().await;
    let again = put(&test, "myaks", attach(&test)).await.unwrap();
    assert_eq!(again.operation, written.operation, "labels are kept");

    test.start_reconcilers();
    test.ended(written.operation).await;
    let gone = remove(&test, "myaks", Removal::Detach).await.unwrap();
    test.ended(gone.unwrap()).await;
    test.backend.put_marker(compute.spec.cluster, stranger());
    let failed = put(&test, "myaks", attach(&test)).await.unwrap();
    test.ended(failed.operation).await;
    let again = put(&test, "myaks", attach(&test)).await.unwrap();
    assert_ne!(again.operation, failed.operation);
}

#[tokio::test]
async fn an_update_of_something_else_leaves_the_load_balancer() {
    let test = TestApp::new().await;
    let request = ComputeRequest {
        load_balancer_type: Some("InternalLoadBalancer".into()),
        load_balancer_subnet: Some("inner".into()),
        ..create()
    };
    let made = test.put_compute("mine", request).await;
    let compute = test.put_compute("mine", read_back()).await;
    assert_eq!(compute.spec.load_balancer, made.spec.load_balancer);
    let moved = ComputeRequest {
        load_balancer_subnet: Some("other".into()),
        ..read_back()
    };
    let compute = test.put_compute("mine", moved).await;
    assert_eq!(compute.spec.load_balancer.subnet(), Some("other"));
    let public = ComputeRequest {
        load_balancer_type: Some("PublicIp".into()),
        ..read_back()
    };
    let compute = test.put_compute("mine", public).await;
    assert_eq!(compute.spec.load_balancer, LoadBalancer::Public);
    let subnet = ComputeRequest {
        load_balancer_subnet: Some("other".into()),
        ..read_back()
    };
    assert_eq!(
        fields(put(&test, "mine", subnet).await),
        ["properties.properties.loadBalancerSubnet"]
    );
}

#[tokio::test]
async fn an_update_changes_what_can_change_and_names_what_cannot() {
    let test = TestApp::new().await;
    test.create_compute("mine").await;
    let scaled = ComputeRequest {
        agent_count: Some(5),
        ..read_back()
    };
    let compute = test.put_compute("Mine", scaled).await;
    assert_eq!(compute.spec.agent_count, 5);
    let few = ComputeRequest {
        agent_count: Some(1),
        ..read_back()
    };
    let other = ComputeRequest {
        purpose: Some("DevTest".into()),
        vm_size: Some("Standard_D4_v2".into()),
        resource_id: Some(test.local_cluster_id()),
        ..read_back()
    };
    assert_eq!(
        fields(put(&test, "mine", few).await),
        ["properties.properties.agentCount"]
    );
    assert_eq!(
        fields(put(&test, "mine", other).await),
        [
            "properties.properties.clusterPurpose",
            "properties.properties.agentVmSize",
            "properties.resourceId",
        ]
    );
}
