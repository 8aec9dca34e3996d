//! Calls that go wrong: between a driver and its backend, provider and builder.

use std::{
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use uuid::Uuid;
use wharf_core::{
    Secret,
    backend::{Backend, BackendError, OwnershipMarker, Provider, Workload, WorkloadObservation},
    deployment::{Template, WorkloadKey},
    environment::{
        BuildLog, BuiltEnvironment, EnvironmentBuilder, EnvironmentError, EnvironmentSpec,
    },
    finding::Finding,
    managed_cluster::ManagedCluster,
};

/// How calls go wrong. Calls are counted from 0, over all three parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// Each call is made twice.
    Twice,
    /// The call `first` (less than `every`) and each `every`-th after it fails and was
    /// not made.
    FailBefore {
        /// The first.
        first: usize,
        /// From one to the next.
        every: usize,
    },
    /// Likewise, but the call is made, and its answer is lost.
    FailAfter {
        /// The first.
        first: usize,
        /// From one to the next.
        every: usize,
    },
}

/// Stands before all three. What a client asks without a reconciler (preflight,
/// checks) goes through untouched.
pub struct Interference {
    backend: Arc<dyn Backend>,
    provider: Arc<dyn Provider>,
    environments: Arc<dyn EnvironmentBuilder>,
    mishap: Mishap,
    calls: AtomicUsize,
}

impl Interference {
    /// Before these three.
    pub fn new(
        mishap: Mishap,
        backend: Arc<dyn Backend>,
        provider: Arc<dyn Provider>,
        environments: Arc<dyn EnvironmentBuilder>,
    ) -> Self {
        Self {
            backend,
            provider,
            environments,
            mishap,
            calls: AtomicUsize::new(0),
        }
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn call<T, E, F>(&self, away: impl Fn(String) -> E, make: impl Fn() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        match self.mishap {
            Mishap::Twice => {
                make().await?;
                make().await
            }
            Mishap::FailBefore { first, every } if number % every == first => {
                Err(away(format!("call {number} failed")))
            }
            Mishap::FailAfter { first, every } if number % every == first => {
                make().await?;
                Err(away(format!("the answer to call {number} was lost")))
            }
            _ => make().await,
        }
    }
}

#[async_trait]
impl Backend for Interference {
    async fn attach(
        &self,
        cluster: &ManagedCluster,
        marker: &OwnershipMarker,
    ) -> Result<(), BackendError> {
        let make = || self.backend.attach(cluster, marker);
        self.call(BackendError::Unavailable, make).await
    }

    async fn detach(
        &self,
        cluster: &ManagedCluster,
        marker: &OwnershipMarker,
    ) -> Result<(), BackendError> {
        let make = || self.backend.detach(cluster, marker);
        self.call(BackendError::Unavailable, make).await
    }

    async fn preflight(&self, template: &Template) -> Result<Vec<Finding>, BackendError> {
        self.backend.preflight(template).await
    }

    async fn ensure(&self, workload: &Workload) -> Result<(), BackendError> {
        self.call(BackendError::Unavailable, || self.backend.ensure(workload))
            .await
    }

    async fn observe(
        &self,
        key: &WorkloadKey,
    ) -> Result<Option<WorkloadObservation>, BackendError> {
        self.call(BackendError::Unavailable, || self.backend.observe(key))
            .await
    }

    async fn revisions(&self, deployment: Uuid) -> Result<Vec<WorkloadKey>, BackendError> {
        let make = || self.backend.revisions(deployment);
        self.call(BackendError::Unavailable, make).await
    }

    async fn remove(&self, key: &WorkloadKey) -> Result<(), BackendError> {
        self.call(BackendError::Unavailable, || self.backend.remove(key))
            .await
    }

    async fn scale(&self, key: &WorkloadKey, replicas: u32) -> Result<(), BackendError> {
        let make = || self.backend.scale(key, replicas);
        self.call(BackendError::Unavailable, make).await
    }

    async fn logs(&self, key: &WorkloadKey, tail: usize) -> Result<String, BackendError> {
        self.backend.logs(key, tail).await
    }
}

#[async_trait]
impl Provider for Interference {
    async fn create(&self, cluster: &ManagedCluster) -> Result<bool, BackendError> {
        self.call(BackendError::Unavailable, || self.provider.create(cluster))
            .await
    }

    async fn delete(&self, cluster: &ManagedCluster) -> Result<bool, BackendError> {
        self.call(BackendError::Unavailable, || self.provider.delete(cluster))
            .await
    }

    async fn kubeconfig(&self, cluster: &ManagedCluster) -> Result<Option<Secret>, BackendError> {
        self.provider.kubeconfig(cluster).await
    }
}

#[async_trait]
impl EnvironmentBuilder for Interference {
    fn check(&self, spec: &EnvironmentSpec) -> Result<(), Vec<Finding>> {
        self.environments.check(spec)
    }

    fn is_there(&self, python: &Path) -> bool {
        self.environments.is_there(python)
    }

    async fn build(
        &self,
        spec: &EnvironmentSpec,
        log: &dyn BuildLog,
    ) -> Result<BuiltEnvironment, EnvironmentError> {
        let make = || self.environments.build(spec, log);
        self.call(EnvironmentError::Unavailable, make).await
    }
}
