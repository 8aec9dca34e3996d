//! A provider in memory, for tests of whatever makes and deletes clusters.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use uuid::Uuid;
use wharf_core::{
    Secret,
    backend::{BackendError, Provider},
    managed_cluster::ManagedCluster,
};

/// Makes clusters at once; can be told to be slow or away.
#[derive(Debug, Default)]
pub struct FakeProvider {
    clusters: Mutex<BTreeSet<Uuid>>,
    effects: Mutex<Vec<String>>,
    is_slow: AtomicBool,
    is_unavailable: AtomicBool,
}

impl FakeProvider {
    /// A provider without clusters.
    pub fn new() -> Self {
        Self::default()
    }

    /// While slow, creating and deleting answer "not yet" and change nothing.
    pub fn set_slow(&self, is_slow: bool) {
        self.is_slow.store(is_slow, Ordering::SeqCst);
    }

    /// While unavailable, every call fails.
    pub fn set_unavailable(&self, is_unavailable: bool) {
        self.is_unavailable.store(is_unavailable, Ordering::SeqCst);
    }

    /// The cluster was made and not deleted.
    pub fn has(&self, cluster: Uuid) -> bool {
        self.clusters().contains(&cluster)
    }

    /// What the calls changed, oldest first, for example `make ID`; a call that found
    /// everything in place is not here.
    pub fn effects(&self) -> Vec<String> {
        self.effects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn effect(&self, is_change: bool, verb: &str, cluster: Uuid) {
        if is_change {
            self.effects
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(format!("{verb} {cluster}"));
        }
    }

    fn clusters(&self) -> std::sync::MutexGuard<'_, BTreeSet<Uuid>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<(), BackendError> {
        if self.is_unavailable.load(Ordering::SeqCst) {
            return Err(BackendError::Unavailable(
                "the fake provider is away".into(),
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl Provider for FakeProvider {
    async fn create(&self, cluster: &ManagedCluster) -> Result<bool, BackendError> {
        self.check()?;
        if !self.is_slow.load(Ordering::SeqCst) {
            let is_new = self.clusters().insert(cluster.id);
            self.effect(is_new, "make", cluster.id);
        }
        Ok(self.has(cluster.id))
    }

    async fn delete(&self, cluster: &ManagedCluster) -> Result<bool, BackendError> {
        self.check()?;
        if !self.is_slow.load(Ordering::SeqCst) {
            let was_there = self.clusters().remove(&cluster.id);
            self.effect(was_there, "delete", cluster.id);
        }
        Ok(!self.has(cluster.id))
    }

    async fn kubeconfig(&self, _cluster: &ManagedCluster) -> Result<Option<Secret>, BackendError> {
        self.check()?;
        Ok(None)
    }
}
