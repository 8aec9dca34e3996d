//! What every backend promises, as checks: run against the fake and against each
//! real one, so that the fake cannot drift from what it stands for.

use std::{
    num::NonZeroU32,
    path::PathBuf,
    time::{Duration, Instant},
};

use uuid::Uuid;
use wharf_core::{
    backend::{Backend, BackendError, OwnershipMarker, Workload, WorkloadObservation},
    deployment::{Liveness, Resources, Template, WorkloadKey},
    environment::EnvironmentSpec,
    managed_cluster::{ManagedCluster, ManagedClusterSpec, ProviderKind},
    resource::{Generation, Observed},
    scaling::{Autoscale, Scaling},
};

/// Longest that a replica may take in these checks.
const PATIENCE: Duration = Duration::from_secs(30);

/// A fresh local cluster called `local`.
pub fn local_cluster() -> ManagedCluster {
    ManagedCluster {
        id: Uuid::new_v4(),
        subscription: Uuid::nil(),
        group: "wharf".into(),
        name: "local".parse().expect("a valid name"),
        spec: ManagedClusterSpec {
            provider: ProviderKind::Local,
            location: "local".into(),
            kubernetes_version: "1.34.2".into(),
            node_count: 3,
            vm_size: "Standard_D3_v2".into(),
            server: None,
            tags: std::collections::BTreeMap::new(),
            owned_by_compute: false,
            is_absent: false,
            extra: serde_json::Map::new(),
        },
        generation: Generation::default(),
        observed: Observed::NotYet,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        modified_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

/// A workload without models and code, of a fresh deployment on `cluster`, whose
/// environment is `python`.
pub fn plain_workload(cluster: Uuid, python: PathBuf, scaling: Scaling) -> Workload {
    let template = Template {
        models: Vec::new(),
        code: Vec::new(),
        driver: None,
        built_in: None,
        environment: EnvironmentSpec::default(),
        resources: Resources {
            cpu: 0.1,
            cpu_limit: None,
            memory_gb: 0.5,
            memory_limit_gb: None,
            gpu: 0,
        },
        concurrency: 1,
        scoring_timeout: Duration::from_secs(2),
        namespace: None,
        moved_to: None,
    };
    Workload {
        key: WorkloadKey {
            deployment: Uuid::new_v4(),
            revision: template.revision(),
        },
        cluster,
        service_name: "iris".into(),
        template,
        scaling,
        liveness: Liveness::default(),
        python,
        notices: Vec::new(),
    }
}

/// Runs the checks. `sample` is a workload that becomes ready on this backend; its
/// scaling is replaced.
///
/// # Panics
/// When a promise is broken.
pub async fn backend_contract(backend: &dyn Backend, sample: &Workload) {
    markers(backend).await;
    lifecycle(backend, sample).await;
}

async fn markers(backend: &dyn Backend) {
    let cluster = local_cluster();
    let first = marker("first");
    let second = marker("second");
    backend.attach(&cluster, &first).await.expect("attach");
    backend
        .attach(&cluster, &first)
        .await
        .expect("attach again");
    match backend.attach(&cluster, &second).await {
        Err(BackendError::Owned(owner)) => assert_eq!(owner, first),
        other => panic!("a second attachment must name the first: {other:?}"),
    }
    backend
        .detach(&cluster, &second)
        .await
        .expect("detach of a stranger");
    let again = backend.attach(&cluster, &second).await;
    assert!(
        matches!(again, Err(BackendError::Owned(_))),
        "a stranger's detach must leave the marker: {again:?}"
    );
    backend.detach(&cluster, &first).await.expect("detach");
    backend
        .detach(&cluster, &first)
        .await
        .expect("detach again");
    backend
        .attach(&cluster, &second)
        .await
        .expect("attach after detach");
    backend.detach(&cluster, &second).await.expect("clean up");
}

async fn lifecycle(backend: &dyn Backend, sample: &Workload) {
    let key = &sample.key;
    let mut workload = sample.clone();
    backend.remove(key).await.expect("remove what is not there");
    assert_eq!(backend.observe(key).await.expect("observe"), None);
    assert!(
        backend.scale(key, 1).await.is_err(),
        "scaled what is not there"
    );
    assert!(
        backend.logs(key, 10).await.is_err(),
        "logs of what never was"
    );

    workload.scaling = Scaling::Fixed(count(1));
    backend.ensure(&workload).await.expect("ensure");
    let first = wait_for(backend, key, 1).await;
    backend.ensure(&workload).await.expect("ensure again");
    let second = wait_for(backend, key, 1).await;
    assert_eq!(first, second, "the same again must change nothing");
    assert!(
        second
            .replicas
            .iter()
            .all(|it| it.address.is_some() && it.process.is_some())
    );
    assert_eq!(
        backend.revisions(key.deployment).await.expect("revisions"),
        vec![key.clone()]
    );
    assert!(
        backend
            .revisions(Uuid::new_v4())
            .await
            .expect("revisions")
            .is_empty(),
        "revisions of another deployment"
    );
    backend
        .logs(key, 10)
        .await
        .expect("logs of a running replica");

    workload.scaling = Scaling::Fixed(count(2));
    backend.ensure(&workload).await.expect("scale up by spec");
    let two = wait_for(backend, key, 2).await;
    assert!(
        two.replicas
            .iter()
            .any(|it| it.process == first.replicas[0].process),
        "a change of the number must not restart replicas"
    );

    workload.scaling = Scaling::Auto(Autoscale {
        min: count(1),
        max: count(3),
        target_percent: count(70),
        refresh_seconds: count(1),
    });
    backend.ensure(&workload).await.expect("autoscale");
    backend.scale(key, 3).await.expect("scale up");
    wait_for(backend, key, 3).await;
    backend.scale(key, 9).await.expect("scale beyond the most");
    wait_for(backend, key, 3).await;
    backend
        .ensure(&workload)
        .await
        .expect("ensure while scaled");
    wait_for(backend, key, 3).await;
    backend.scale(key, 1).await.expect("scale down");
    let one = wait_for(backend, key, 1).await;
    assert_eq!(
        one.replicas[0].process, first.replicas[0].process,
        "the oldest replica stays when the number falls"
    );

    backend.remove(key).await.expect("remove");
    assert_eq!(backend.observe(key).await.expect("observe"), None);
    assert!(
        backend
            .revisions(key.deployment)
            .await
            .expect("revisions")
            .is_empty()
    );
    backend.remove(key).await.expect("remove again");
}

fn marker(compute: &str) -> OwnershipMarker {
    OwnershipMarker {
        workspace: Uuid::new_v4(),
        compute_id: Uuid::new_v4(),
        compute: compute.to_owned(),
        incarnation: Uuid::new_v4(),
    }
}

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

async fn wait_for(backend: &dyn Backend, key: &WorkloadKey, ready: u32) -> WorkloadObservation {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = backend
            .observe(key)
            .await
            .expect("observe")
            .expect("is there");
        let is_there = seen.ready() == ready && seen.replicas.len() == ready as usize;
        if is_there && seen.wanted == ready {
            return seen;
        }
        assert!(Instant::now() < deadline, "not {ready} replicas: {seen:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FakeBackend, Start};

    #[tokio::test]
    async fn the_fake_keeps_the_promises() {
        let backend = FakeBackend::new();
        let sample = plain_workload(Uuid::new_v4(), "/python".into(), Scaling::Fixed(count(1)));
        backend_contract(&backend, &sample).await;
    }

    #[tokio::test]
    async fn the_fake_starts_replicas_as_told() {
        let backend = FakeBackend::new();
        let mut changes = backend.changes();
        let table = backend.replicas();
        let sample = plain_workload(Uuid::new_v4(), "/python".into(), Scaling::Fixed(count(1)));
        backend.set_start(Start::Fail("KeyError: 'x'".into()));
        backend.ensure(&sample).await.expect("ensure");
        assert_eq!(changes.recv().await.expect("told"), sample.key);
        let seen = backend
            .observe(&sample.key)
            .await
            .expect("observe")
            .expect("there");
        assert_eq!(seen.ready(), 0);
        assert!(
            backend
                .logs(&sample.key, 1)
                .await
                .expect("logs")
                .contains("KeyError")
        );
        backend.set_start(Start::Ready);
        wait_for(&backend, &sample.key, 1).await;
        assert!(table.borrow().replicas.contains_key(&sample.key));
        backend.set_unavailable(Some("no network"));
        assert!(backend.observe(&sample.key).await.is_err());
    }
}
