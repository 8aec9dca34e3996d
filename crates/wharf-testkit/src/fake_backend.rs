//! A backend in memory, for tests of whatever drives one. It keeps the same
//! promises as a real one ([`crate::backend_contract`] is run against it), and it
//! can be told how replicas start and that it is away.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;
use wharf_core::{
    backend::{
        Backend, BackendError, OwnershipMarker, ReplicaObservation, ReplicaPhase, Workload,
        WorkloadObservation,
    },
    deployment::{Template, WorkloadKey},
    finding::Finding,
    managed_cluster::ManagedCluster,
    route::{ReadyReplica, ReplicaAddress, ReplicaTable},
};

/// How replicas of the fake start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Start {
    /// Ready as soon as they are asked for.
    #[default]
    Ready,
    /// Starting until somebody says otherwise.
    Hang,
    /// `init()` raises, with this message.
    Fail(String),
}

/// The backend. Share it in an `Arc`.
#[derive(Debug)]
pub struct FakeBackend {
    state: Mutex<State>,
    replicas: watch::Sender<Arc<ReplicaTable>>,
    changes: broadcast::Sender<WorkloadKey>,
    held: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    workloads: BTreeMap<WorkloadKey, Running>,
    markers: HashMap<Uuid, OwnershipMarker>,
    start: Start,
    unavailable: Option<String>,
    findings: Vec<Finding>,
    refusal: Option<(&'static str, String)>,
    calls: Vec<String>,
    effects: Vec<String>,
    process: u32,
}

#[derive(Debug)]
struct Running {
    workload: Workload,
    wanted: u32,
    replicas: Vec<ReplicaObservation>,
    next: u32,
}

impl Default for FakeBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeBackend {
    /// A backend without workloads, whose replicas are ready at once.
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            replicas: watch::Sender::new(Arc::default()),
            changes: broadcast::Sender::new(1024),
            held: watch::Sender::new(false),
        }
    }

    /// How replicas start from now on; those that wait ([`Start::Hang`]) or failed
    /// are started again that way.
    pub fn set_start(&self, start: Start) {
        let keys = {
            let mut state = self.state();
            state.start = start;
            let phase = state.phase();
            for running in state.workloads.values_mut() {
                for replica in &mut running.replicas {
                    if replica.phase != ReplicaPhase::Ready {
                        enter(replica, &phase);
                    }
                }
            }
            state.workloads.keys().cloned().collect::<Vec<_>>()
        };
        keys.iter().for_each(|key| self.publish(key));
    }

    /// While held, removals wait, as for calls that have not ended.
    pub fn hold_removals(&self, is_held: bool) {
        self.held.send_replace(is_held);
    }

    /// While there is a message, every call fails with it.
    pub fn set_unavailable(&self, message: Option<&str>) {
        self.state().unavailable = message.map(str::to_owned);
    }

    /// What [`Backend::preflight`] finds from now on.
    pub fn set_findings(&self, findings: Vec<Finding>) {
        self.state().findings = findings;
    }

    /// What [`Backend::ensure`] refuses new workloads with from now on.
    pub fn set_refusal(&self, refusal: Option<(&'static str, &str)>) {
        self.state().refusal = refusal.map(|(code, message)| (code, message.to_owned()));
    }

    /// Lets every replica of a workload fail with `message`, as a crash would.
    pub fn crash(&self, key: &WorkloadKey, message: &str) {
        if let Some(running) = self.state().workloads.get_mut(key) {
            for replica in &mut running.replicas {
                let phase = ReplicaPhase::Failed {
                    message: message.to_owned(),
                };
                enter(replica, &phase);
            }
        }
        self.publish(key);
    }

    /// The workload as it was last ensured.
    pub fn workload(&self, key: &WorkloadKey) -> Option<Workload> {
        let state = self.state();
        state.workloads.get(key).map(|it| it.workload.clone())
    }

    /// Keys of all workloads.
    pub fn keys(&self) -> Vec<WorkloadKey> {
        self.state().workloads.keys().cloned().collect()
    }

    /// The marker on a cluster.
    pub fn marker(&self, cluster: Uuid) -> Option<OwnershipMarker> {
        self.state().markers.get(&cluster).cloned()
    }

    /// Puts a marker on a cluster, as a stranger would.
    pub fn put_marker(&self, cluster: Uuid, marker: OwnershipMarker) {
        self.state().markers.insert(cluster, marker);
    }

    /// Names of the calls that changed something, oldest first, for example
    /// `ensure 0000…-0123456789ab`.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// What the calls changed, oldest first; a call that found everything in place is
    /// not here. For example `start 0000…-0123456789ab`.
    pub fn effects(&self) -> Vec<String> {
        self.state().effects.clone()
    }

    /// Ready replicas, as a router reads them.
    pub fn replicas(&self) -> watch::Receiver<Arc<ReplicaTable>> {
        self.replicas.subscribe()
    }

    /// The key of a workload, whenever one of its replicas changes phase.
    pub fn changes(&self) -> broadcast::Receiver<WorkloadKey> {
        self.changes.subscribe()
    }

    /// Where those changes come from, for whoever subscribes later.
    pub fn sender(&self) -> broadcast::Sender<WorkloadKey> {
        self.changes.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn available(&self) -> Result<MutexGuard<'_, State>, BackendError> {
        let state = self.state();
        match &state.unavailable {
            Some(message) => Err(BackendError::Unavailable(message.clone())),
            None => Ok(state),
        }
    }

    fn publish(&self, key: &WorkloadKey) {
        let table = self.state().table();
        self.replicas.send_replace(Arc::new(table));
        // Nobody may be listening.
        let _ = self.changes.send(key.clone());
    }
}

impl State {
    fn phase(&self) -> ReplicaPhase {
        match &self.start {
            Start::Ready => ReplicaPhase::Ready,
            Start::Hang => ReplicaPhase::Starting,
            Start::Fail(message) => ReplicaPhase::Failed {
                message: message.clone(),
            },
        }
    }

    fn table(&self) -> ReplicaTable {
        let mut table = ReplicaTable::default();
        for (key, running) in &self.workloads {
            let ready = running.replicas.iter().filter_map(|replica| {
                Some(ReadyReplica {
                    id: replica.id.clone(),
                    address: replica.address.clone()?,
                })
            });
            let ready = ready.collect::<Vec<_>>();
            if !ready.is_empty() {
                table.replicas.insert(key.clone(), ready);
            }
        }
        table
    }

    fn resize(&mut self, key: &WorkloadKey, wanted: u32) {
        let phase = self.phase();
        let mut process = self.process;
        if let Some(running) = self.workloads.get_mut(key) {
            running.wanted = wanted;
            let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            running.replicas.truncate(wanted);
            while running.replicas.len() < wanted {
                process += 1;
                let mut replica = ReplicaObservation {
                    id: format!("{key}-{}", running.next),
                    phase: ReplicaPhase::Starting,
                    restarts: 0,
                    process: Some(process),
                    address: None,
                };
                running.next += 1;
                enter(&mut replica, &phase);
                running.replicas.push(replica);
            }
        }
        self.process = process;
    }
}

/// A replica that fails has failed again after one restart: that is when drivers
/// give up on it.
fn enter(replica: &mut ReplicaObservation, phase: &ReplicaPhase) {
    if matches!(phase, ReplicaPhase::Failed { .. }) {
        replica.restarts += 1;
    }
    replica.phase = phase.clone();
    replica.address = (*phase == ReplicaPhase::Ready)
        .then(|| ReplicaAddress::Unix(PathBuf::from(format!("/fake/{}.sock", replica.id))));
}

#[async_trait]
impl Backend for FakeBackend {
    async fn attach(
        &self,
        cluster: &ManagedCluster,
        marker: &OwnershipMarker,
    ) -> Result<(), BackendError> {
        let mut state = self.available()?;
        match state.markers.get(&cluster.id) {
            Some(there) if there != marker => return Err(BackendError::Owned(there.clone())),
            Some(_) => {}
            None => {
                state.markers.insert(cluster.id, marker.clone());
                state.effects.push(format!("attach {}", marker.compute));
            }
        }
        state.calls.push(format!("attach {}", marker.compute));
        Ok(())
    }

    async fn detach(
        &self,
        cluster: &ManagedCluster,
        marker: &OwnershipMarker,
    ) -> Result<(), BackendError> {
        let mut state = self.available()?;
        if state.markers.get(&cluster.id) == Some(marker) {
            state.markers.remove(&cluster.id);
            state.effects.push(format!("detach {}", marker.compute));
        }
        state.calls.push(format!("detach {}", marker.compute));
        Ok(())
    }

    async fn preflight(&self, _template: &Template) -> Result<Vec<Finding>, BackendError> {
        Ok(self.available()?.findings.clone())
    }

    async fn ensure(&self, workload: &Workload) -> Result<(), BackendError> {
        let key = &workload.key;
        {
            let mut state = self.available()?;
            state.calls.push(format!("ensure {key}"));
            if let (None, Some((code, message))) = (state.workloads.get(key), state.refusal.clone())
            {
                return Err(BackendError::Refused { code, message });
            }
            let effect = match state.workloads.get(key) {
                None => Some(format!("start {key}")),
                Some(running) if running.workload != *workload => Some(format!("change {key}")),
                Some(_) => None,
            };
            state.effects.extend(effect);
            let wanted = match state.workloads.get_mut(key) {
                Some(running) => {
                    running.workload = workload.clone();
                    workload.scaling.clamp(running.wanted)
                }
                None => {
                    let running = Running {
                        workload: workload.clone(),
                        wanted: 0,
                        replicas: Vec::new(),
                        next: 0,
                    };
                    state.workloads.insert(key.clone(), running);
                    workload.scaling.initial()
                }
            };
            state.resize(key, wanted);
        }
        self.publish(key);
        Ok(())
    }

    async fn observe(
        &self,
        key: &WorkloadKey,
    ) -> Result<Option<WorkloadObservation>, BackendError> {
        let state = self.available()?;
        Ok(state.workloads.get(key).map(|running| WorkloadObservation {
            wanted: running.wanted,
            replicas: running.replicas.clone(),
        }))
    }

    async fn revisions(&self, deployment: Uuid) -> Result<Vec<WorkloadKey>, BackendError> {
        let state = self.available()?;
        let keys = state.workloads.keys();
        Ok(keys
            .filter(|key| key.deployment == deployment)
            .cloned()
            .collect())
    }

    async fn remove(&self, key: &WorkloadKey) -> Result<(), BackendError> {
        // The sender lives as long as `self`.
        let _ = self.held.subscribe().wait_for(|is_held| !is_held).await;
        {
            let mut state = self.available()?;
            if state.workloads.remove(key).is_some() {
                state.effects.push(format!("stop {key}"));
            }
            state.calls.push(format!("remove {key}"));
        }
        self.publish(key);
        Ok(())
    }

    async fn scale(&self, key: &WorkloadKey, replicas: u32) -> Result<(), BackendError> {
        {
            let mut state = self.available()?;
            state.calls.push(format!("scale {key} {replicas}"));
            let Some(running) = state.workloads.get(key) else {
                return Err(BackendError::Refused {
                    code: "WorkloadNotFound",
                    message: format!("there is no workload {key}"),
                });
            };
            let wanted = running.workload.scaling.clamp(replicas);
            state.resize(key, wanted);
        }
        self.publish(key);
        Ok(())
    }

    async fn logs(&self, key: &WorkloadKey, tail: usize) -> Result<String, BackendError> {
        let state = self.available()?;
        let Some(running) = state.workloads.get(key) else {
            return Err(BackendError::Refused {
                code: "WorkloadNotFound",
                message: format!("nothing was ever logged for {key}"),
            });
        };
        let mut lines = Vec::new();
        for replica in &running.replicas {
            lines.push(match &replica.phase {
                ReplicaPhase::Starting => format!("{}: starting", replica.id),
                ReplicaPhase::Ready => format!("{}: ready", replica.id),
                ReplicaPhase::Failed { message } => format!("{}: {message}", replica.id),
            });
        }
        let skipped = lines.len().saturating_sub(tail);
        Ok(lines.split_off(skipped).join("\n"))
    }
}
