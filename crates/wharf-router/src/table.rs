//! What the request path looks at: one immutable snapshot of all routes.
//!
//! It is built anew on every change and swapped in whole. A look-up is one hash
//! of a borrowed name, and of its workspace where a path names one. What lives longer than a snapshot (slots, queues) is
//! behind an `Arc` that snapshots share, by workload.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;
use uuid::Uuid;
use wharf_core::{
    deployment::WorkloadKey,
    route::{ReplicaTable, RouteTable},
    scaling::Scaling,
};

use crate::{
    admit::Workload,
    authenticate::Authenticator,
    lookup::Name,
    settings::Limits,
    tls::{Certificates, Keyring},
};

/// A deployment under an endpoint.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) workload: Arc<Workload>,
    pub(crate) weight: u32,
    pub(crate) concurrency: u32,
    pub(crate) scoring_timeout: Duration,
    pub(crate) max_wait: Duration,
    pub(crate) scaling: Scaling,
}

/// An endpoint.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) authenticator: Authenticator,
    pub(crate) targets: Vec<Target>,
}

/// All routes at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Of the first workspace, by name: the paths without a prefix.
    first: HashMap<String, Arc<Entry>>,
    /// Of each other workspace, likewise.
    others: HashMap<Uuid, HashMap<String, Arc<Entry>>>,
    certificates: Arc<Certificates>,
}

impl Snapshot {
    pub(crate) fn find(&self, name: Name<'_>) -> Option<&Arc<Entry>> {
        match name.workspace {
            None => self.first.get(name.endpoint),
            Some(id) => self.others.get(&id)?.get(name.endpoint),
        }
    }

    /// The certificate of a name, which is in small letters.
    pub(crate) fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.certificates.get(name).map(Arc::clone)
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = &Target> {
        let others = self.others.values().flat_map(HashMap::values);
        let entries = self.first.values().chain(others);
        entries.flat_map(|entry| &entry.targets)
    }
}

/// The snapshot that counts now.
pub(crate) type Current = ArcSwap<Snapshot>;

/// Builds snapshots, and keeps what outlives them.
#[derive(Debug)]
pub(crate) struct Builder {
    workloads: HashMap<WorkloadKey, Arc<Workload>>,
    keyring: Keyring,
    queue_floor: usize,
    queue_factor: usize,
}

impl Builder {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            workloads: HashMap::new(),
            keyring: Keyring::default(),
            queue_floor: limits.queue_floor,
            queue_factor: limits.queue_factor,
        }
    }

    /// Makes what the two tables say count from now on.
    pub(crate) fn rebuild(
        &mut self,
        current: &Current,
        routes: &RouteTable,
        replicas: &ReplicaTable,
    ) {
        let ready = |key: &WorkloadKey| replicas.replicas.get(key).map_or(&[][..], Vec::as_slice);
        let mut snapshot = Snapshot {
            certificates: self.keyring.update(&routes.certificates),
            ..Snapshot::default()
        };
        let mut concurrencies: HashMap<&WorkloadKey, u32> = HashMap::new();
        for route in routes.routes.values() {
            let targets = route
                .targets
                .iter()
                .map(|target| {
                    concurrencies.insert(&target.workload, target.concurrency);
                    Target {
                        workload: self.workload(&target.workload),
                        weight: target.weight,
                        concurrency: target.concurrency.max(1),
                        scoring_timeout: target.scoring_timeout,
                        max_wait: target.max_wait,
                        scaling: target.scaling,
                    }
                })
                .collect();
            let entry = Entry {
                authenticator: Authenticator::new(&route.authentication),
                targets,
            };
            let entries = match route.workspace {
                None => &mut snapshot.first,
                Some(id) => snapshot.others.entry(id).or_default(),
            };
            entries.insert(route.endpoint.clone(), Arc::new(entry));
        }
        // Replicas first, so that the new routes find them; then the routes; then
        // those who wait at the old ones are sent to look again.
        for (key, concurrency) in &concurrencies {
            self.workload(key).update(Some(*concurrency), ready(key));
        }
        current.store(Arc::new(snapshot));
        self.workloads.retain(|key, workload| {
            if concurrencies.contains_key(key) {
                return true;
            }
            workload.update(None, ready(key));
            // Requests in flight and older snapshots still count on it. If it
            // were made anew meanwhile, its slots would be given twice.
            Arc::strong_count(workload) > 1
        });
    }

    fn workload(&mut self, key: &WorkloadKey) -> Arc<Workload> {
        let made = self.workloads.entry(key.clone()).or_insert_with(|| {
            Arc::new(Workload::new(
                key.clone(),
                self.queue_floor,
                self.queue_factor,
            ))
        });
        Arc::clone(made)
    }
}
