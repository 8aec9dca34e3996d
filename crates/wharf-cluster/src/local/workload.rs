//! One running workload: its replicas and how many there should be.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
};
use wharf_core::{
    backend::{ReplicaObservation, ReplicaPhase, Workload, WorkloadObservation},
    deployment::WorkloadKey,
    route::{ReadyReplica, ReplicaAddress, ReplicaTable},
};

use super::{
    config::leaving_time,
    files::{ReplicaFolder, Scale, WorkloadFolder, discard, write_json},
    process::Process,
    replica::Replica,
    sockets,
    strays::Strays,
};

/// What all workloads of a backend share.
pub(super) struct Shared {
    pub(super) root: PathBuf,
    pub(super) sockets: PathBuf,
    pub(super) boot: String,
    pub(super) program: PathBuf,
    pub(super) environment: Vec<(String, String)>,
    pub(super) strays: Arc<Strays>,
    pub(super) table: watch::Sender<Arc<ReplicaTable>>,
    pub(super) changes: broadcast::Sender<WorkloadKey>,
}

/// A replica as it was left by an earlier server.
pub(super) struct Survivor {
    pub(super) index: u32,
    pub(super) id: String,
    pub(super) socket: PathBuf,
    pub(super) restarts: u32,
    /// It runs and said that it is ready.
    pub(super) is_serving: bool,
    /// `None` when it died meanwhile; it is started again.
    pub(super) process: Option<Process>,
}

/// A workload whose application folder is whole.
pub(super) struct RunningWorkload {
    pub(super) key: WorkloadKey,
    pub(super) folder: WorkloadFolder,
    pub(super) shared: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    workload: Arc<Workload>,
    wanted: u32,
    next: u32,
    slots: BTreeMap<u32, Slot>,
    /// Replicas that are not counted any more but still finish their requests.
    leaving: Vec<JoinHandle<()>>,
}

struct Slot {
    observation: ReplicaObservation,
    socket: PathBuf,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl RunningWorkload {
    pub(super) fn new(shared: Arc<Shared>, folder: WorkloadFolder, workload: Workload) -> Self {
        Self {
            key: workload.key.clone(),
            folder,
            shared,
            state: Mutex::new(State {
                workload: Arc::new(workload),
                wanted: 0,
                next: 0,
                slots: BTreeMap::new(),
                leaving: Vec::new(),
            }),
        }
    }

    pub(super) fn workload(&self) -> Arc<Workload> {
        Arc::clone(&self.state().workload)
    }

    pub(super) fn set_workload(&self, workload: Workload) {
        self.state().workload = Arc::new(workload);
    }

    pub(super) fn wanted(&self) -> u32 {
        self.state().wanted
    }

    pub(super) fn observation(&self) -> WorkloadObservation {
        let state = self.state();
        let slots = state.slots.values();
        WorkloadObservation {
            wanted: state.wanted,
            replicas: slots.map(|slot| slot.observation.clone()).collect(),
        }
    }

    /// Takes over what an earlier server left.
    pub(super) fn take_over(self: &Arc<Self>, survivors: Vec<Survivor>) {
        for survivor in survivors {
            self.start_replica(survivor);
        }
    }

    /// Lets a replica finish that runs but cannot be reached by anybody new.
    pub(super) fn retire(&self, index: u32, process: Process) {
        let mut state = self.state();
        state.next = state.next.max(index + 1);
        let patience = leaving_time(&state.workload.template);
        let (root, folder) = (self.shared.root.clone(), self.folder.replica(index));
        tracing::warn!(workload = %self.key, index, "a replica with a damaged description ends");
        state.leaving.push(tokio::spawn(async move {
            process.stop(patience).await;
            if let Err(error) = discard(&root, folder.path()) {
                tracing::warn!(%error, "a replica's folder stays");
            }
        }));
    }

    /// Brings the number of replicas to `wanted`: new ones start, the newest stop.
    ///
    /// # Errors
    /// When the number cannot be written down; nothing has changed then.
    pub(super) fn resize(self: &Arc<Self>, wanted: u32) -> std::io::Result<()> {
        write_json(&self.folder.scale(), &Scale { wanted })?;
        let missing = {
            let mut state = self.state();
            state.wanted = wanted;
            let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            while state.slots.len() > wanted
                && let Some((_, slot)) = state.slots.pop_last()
            {
                state.leaving.retain(|task| !task.is_finished());
                // Its task may be gone already.
                let _ = slot.stop.send(true);
                state.leaving.push(slot.task);
            }
            wanted - state.slots.len()
        };
        // First out of the table, so that no router sends it anything more.
        self.publish();
        for _ in 0..missing {
            let index = self.state().next;
            let mut short = uuid::Uuid::new_v4().simple().to_string();
            short.truncate(6);
            self.start_replica(Survivor {
                index,
                id: format!("{}-{index}-{short}", self.key),
                socket: sockets::fresh(&self.shared.sockets),
                restarts: 0,
                is_serving: false,
                process: None,
            });
        }
        Ok(())
    }

    /// Stops all replicas and waits until their processes are gone.
    pub(super) async fn stop(&self) {
        let tasks = {
            let mut state = self.state();
            state.wanted = 0;
            for (_, slot) in std::mem::take(&mut state.slots) {
                let _ = slot.stop.send(true);
                state.leaving.push(slot.task);
            }
            std::mem::take(&mut state.leaving)
        };
        self.publish();
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(workload = %self.key, %error, "a replica's task broke off");
            }
        }
    }

    /// Leaves all replicas running, without anybody who looks after them.
    pub(super) fn abandon(&self) {
        let state = self.state();
        state.slots.values().for_each(|slot| slot.task.abort());
        state.leaving.iter().for_each(JoinHandle::abort);
    }

    /// Notes what a replica's task saw; nothing when the replica is leaving.
    pub(super) fn note(&self, index: u32, change: impl FnOnce(&mut ReplicaObservation)) {
        {
            let mut state = self.state();
            let Some(slot) = state.slots.get_mut(&index) else {
                return;
            };
            let before = slot.observation.clone();
            change(&mut slot.observation);
            slot.observation.address = (slot.observation.phase == ReplicaPhase::Ready)
                .then(|| ReplicaAddress::Unix(slot.socket.clone()));
            if slot.observation == before {
                return;
            }
        }
        self.publish();
    }

    pub(super) fn replica_folder(&self, index: u32) -> ReplicaFolder {
        self.folder.replica(index)
    }

    fn start_replica(self: &Arc<Self>, survivor: Survivor) {
        let (stop, stopped) = watch::channel(false);
        let mut state = self.state();
        state.next = state.next.max(survivor.index + 1);
        let observation = ReplicaObservation {
            id: survivor.id.clone(),
            phase: ReplicaPhase::Starting,
            restarts: survivor.restarts,
            process: None,
            address: None,
        };
        let (index, socket) = (survivor.index, survivor.socket.clone());
        // The task notes what it sees in the slot, which is there once the lock is
        // given back.
        let replica = Replica::new(Arc::clone(self), survivor, stopped);
        let slot = Slot {
            observation,
            socket,
            stop,
            task: tokio::spawn(replica.run()),
        };
        state.slots.insert(index, slot);
    }

    /// Tells routers and whoever waits for a change.
    fn publish(&self) {
        // Under the lock, so that an older view cannot overtake a newer one.
        let state = self.state();
        let ready = state.slots.values().filter_map(|slot| {
            let id = slot.observation.id.clone();
            let address = slot.observation.address.clone()?;
            Some(ReadyReplica { id, address })
        });
        let ready = ready.collect::<Vec<_>>();
        self.shared.table.send_if_modified(|table| {
            let before = table.replicas.get(&self.key).map_or(&[][..], Vec::as_slice);
            if before == ready {
                return false;
            }
            let replicas = &mut Arc::make_mut(table).replicas;
            if ready.is_empty() {
                replicas.remove(&self.key);
            } else {
                replicas.insert(self.key.clone(), ready);
            }
            true
        });
        drop(state);
        // Nobody may be listening.
        let _ = self.shared.changes.send(self.key.clone());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what a replica had on disk.
pub(super) fn remove_replica(folder: &ReplicaFolder, socket: &std::path::Path) {
    let removed = fs::remove_dir_all(folder.path());
    if let Err(error) = removed
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.path().display(), %error, "a replica's folder stays");
    }
    if let Err(error) = super::files::remove_file(socket) {
        tracing::warn!(socket = %socket.display(), %error, "a replica's socket stays");
    }
}
