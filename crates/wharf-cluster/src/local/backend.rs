//! The way in: what every cluster has to do, done with child processes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt, fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{broadcast, watch},
    time::timeout,
};
use uuid::Uuid;
use wharf_core::{
    backend::{
        Backend, BackendError, ContentSource, OwnershipMarker, Workload, WorkloadObservation,
    },
    deployment::{Template, WorkloadKey},
    finding::Finding,
    managed_cluster::ManagedCluster,
    route::ReplicaTable,
};

use super::{
    adoption,
    fault::FaultPoint,
    files::{Scale, WorkloadFolder, discard, write_json},
    logs, marker, preflight, process, sockets,
    stage::make_app,
    stored,
    workload::{RunningWorkload, Shared},
};

/// Changes that a slow listener may be behind before it is told that it lost some.
const CHANGES: usize = 1024;

/// How long a start waits for the replicas that served before to answer.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// What a local backend needs.
pub struct LocalSettings {
    /// Folder of the workloads. Markers go into `clusters` beside it.
    pub root: PathBuf,
    /// Folder for the sockets of replicas; another one is used if it is too deep.
    pub socket_dir: PathBuf,
    /// Started as `PROGRAM scorer --config FILE`.
    pub scorer_program: PathBuf,
    /// Where models and code come from.
    pub content: Arc<dyn ContentSource>,
    /// The whole environment of the scorers; nothing of the server's is added.
    pub environment: Vec<(String, String)>,
}

impl fmt::Debug for LocalSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the environment: it may hold secrets.
        f.debug_struct("LocalSettings")
            .field("root", &self.root)
            .field("socket_dir", &self.socket_dir)
            .field("scorer_program", &self.scorer_program)
            .finish_non_exhaustive()
    }
}

/// The local cluster. When it is dropped the replicas run on; the next one on the
/// same folder takes them over.
pub struct LocalBackend {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    content: Arc<dyn ContentSource>,
    workloads: Mutex<BTreeMap<WorkloadKey, Arc<RunningWorkload>>>,
    /// There, but not readable when this started; nobody looks after them.
    unknown: Mutex<BTreeSet<WorkloadKey>>,
    /// One change of a workload at a time.
    turns: Mutex<HashMap<WorkloadKey, Arc<tokio::sync::Mutex<()>>>>,
    /// One change of markers at a time.
    markers: Mutex<()>,
}

impl LocalBackend {
    /// Starts the backend and takes over the replicas that run. One at a time on a
    /// folder: the server's lock on its data directory sees to that.
    ///
    /// # Errors
    /// When a folder cannot be made or read.
    pub async fn start(settings: LocalSettings) -> io::Result<Arc<Self>> {
        fs::create_dir_all(&settings.root)?;
        // Paths on command lines are compared with this one.
        let root = fs::canonicalize(&settings.root)?;
        let shared = Arc::new(Shared {
            sockets: sockets::folder(&settings.socket_dir, &root)?,
            boot: process::boot_id()?,
            root,
            program: settings.scorer_program,
            environment: settings.environment,
            strays: Arc::default(),
            table: watch::Sender::new(Arc::default()),
            changes: broadcast::Sender::new(CHANGES),
        });
        let content = settings.content;
        let adopted = {
            let (shared, content) = (Arc::clone(&shared), Arc::clone(&content));
            blocking(move || Ok(adoption::adopt(&shared, &*content))).await
        };
        let adopted = adopted.map_err(io::Error::other)??;
        // So that a router that starts next does not find an empty table.
        let mut table = shared.table.subscribe();
        let all_known = table.wait_for(|table| {
            let known = |id: &String| table.replicas.values().flatten().any(|it| it.id == *id);
            adopted.serving.iter().all(known)
        });
        if timeout(FIRST_LOOK, all_known).await.is_err() {
            tracing::warn!("not all replicas that said they are ready answer");
        }
        let workloads = adopted.workloads.into_iter();
        let workloads = workloads.map(|it| (it.key.clone(), it));
        Ok(Arc::new(Self {
            inner: Arc::new(Inner {
                shared,
                content,
                workloads: Mutex::new(workloads.collect()),
                unknown: Mutex::new(adopted.unknown),
                turns: Mutex::default(),
                markers: Mutex::default(),
            }),
        }))
    }

    /// Ready replicas by workload, as a router reads them.
    pub fn replicas(&self) -> watch::Receiver<Arc<ReplicaTable>> {
        self.inner.shared.table.subscribe()
    }

    /// The key of a workload, whenever one of its replicas changes phase.
    pub fn changes(&self) -> broadcast::Receiver<WorkloadKey> {
        self.inner.shared.changes.subscribe()
    }

    /// What [`LocalBackend::changes`] hears, for whoever has many listeners.
    pub fn change_sender(&self) -> broadcast::Sender<WorkloadKey> {
        self.inner.shared.changes.clone()
    }
}

impl Drop for LocalBackend {
    fn drop(&mut self) {
        for workload in self.inner.workloads().values() {
            workload.abandon();
        }
    }
}

impl Inner {
    fn workloads(&self) -> MutexGuard<'_, BTreeMap<WorkloadKey, Arc<RunningWorkload>>> {
        self.workloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &WorkloadKey) -> Option<Arc<RunningWorkload>> {
        self.workloads().get(key).map(Arc::clone)
    }

    fn unknown(&self) -> MutexGuard<'_, BTreeSet<WorkloadKey>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_unknown(&self, key: &WorkloadKey) -> bool {
        self.unknown().contains(key)
    }

    /// Why a workload was not found.
    fn absent(&self, key: &WorkloadKey) -> BackendError {
        if self.is_unknown(key) {
            return unavailable(key, &"its description cannot be read");
        }
        not_there(key)
    }

    fn turn(&self, key: &WorkloadKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(key.clone()).or_default())
    }

    async fn ensure(self: Arc<Self>, workload: Workload) -> Result<(), BackendError> {
        let key = workload.key.clone();
        let turn = self.turn(&key);
        let _turn = turn.lock().await;
        if self.is_unknown(&key) {
            self.take_up(&workload).await?;
        }
        if let Some(running) = self.find(&key) {
            if *running.workload() != workload {
                let file = running.folder.workload();
                stored::write_workload(&file, &workload)
                    .map_err(|error| unavailable(&key, &error))?;
                running.set_workload(workload.clone());
            }
            let wanted = workload.scaling.clamp(running.wanted());
            if wanted != running.wanted() {
                running
                    .resize(wanted)
                    .map_err(|error| unavailable(&key, &error))?;
            }
            return Ok(());
        }
        let folder = WorkloadFolder::new(&self.shared.root, &key);
        let wanted = self.first_number(&workload);
        let made = {
            let (inner, folder, workload) = (Arc::clone(&self), folder.clone(), workload.clone());
            blocking(move || {
                let made = make_folder(&inner.shared, &folder, &workload, wanted, &*inner.content);
                if made.is_err()
                    && let Err(error) = discard(&inner.shared.root, folder.path())
                {
                    tracing::warn!(workload = %workload.key, %error, "a half-made folder stays");
                }
                made
            })
        };
        made.await?;
        let running = RunningWorkload::new(Arc::clone(&self.shared), folder, workload);
        let running = Arc::new(running);
        self.workloads().insert(key.clone(), Arc::clone(&running));
        running
            .resize(wanted)
            .map_err(|error| unavailable(&key, &error))
    }

    /// Replicas a new revision starts with: as many as the load has made of the
    /// others, so that the change of the route does not meet too few.
    fn first_number(&self, workload: &Workload) -> u32 {
        let workloads = self.workloads();
        let others = workloads.iter();
        let others = others.filter(|(key, _)| key.deployment == workload.key.deployment);
        let most = others.map(|(_, running)| running.wanted()).max();
        let initial = workload.scaling.initial();
        workload.scaling.clamp(initial.max(most.unwrap_or(0)))
    }

    /// Takes over what could not be read at the start.
    async fn take_up(self: &Arc<Self>, workload: &Workload) -> Result<(), BackendError> {
        let (inner, workload) = (Arc::clone(self), workload.clone());
        let work = move || {
            let key = &workload.key;
            let taken = adoption::take_up(&inner.shared, &workload, &*inner.content);
            let taken = taken.map_err(|error| unavailable(key, &error))?;
            if let Some(running) = taken {
                inner.workloads().insert(key.clone(), running);
            }
            inner.unknown().remove(key);
            Ok(())
        };
        blocking(work).await
    }

    async fn remove(self: Arc<Self>, key: WorkloadKey) -> Result<(), BackendError> {
        let turn = self.turn(&key);
        let _turn = turn.lock().await;
        if let Some(running) = self.find(&key) {
            running.stop().await;
        }
        if self.is_unknown(&key) {
            let cleared = adoption::clear(&self.shared, &key).await;
            cleared.map_err(|error| unavailable(&key, &error))?;
        }
        let folder = WorkloadFolder::new(&self.shared.root, &key);
        let root = self.shared.root.clone();
        let removed = blocking(move || {
            discard(&root, folder.path())
                .map_err(|error| unavailable(&folder.path().display(), &error))
        });
        removed.await?;
        self.workloads().remove(&key);
        self.unknown().remove(&key);
        // Nobody may be listening.
        let _ = self.shared.changes.send(key);
        Ok(())
    }

    async fn scale(self: Arc<Self>, key: WorkloadKey, replicas: u32) -> Result<(), BackendError> {
        let turn = self.turn(&key);
        let _turn = turn.lock().await;
        let running = self.find(&key).ok_or_else(|| self.absent(&key))?;
        let wanted = running.workload().scaling.clamp(replicas);
        if wanted == running.wanted() {
            return Ok(());
        }
        let resized = running.resize(wanted);
        resized.map_err(|error| unavailable(&key, &error))
    }
}

/// Makes the folder of a workload: first what it is, then its files.
fn make_folder(
    shared: &Shared,
    folder: &WorkloadFolder,
    workload: &Workload,
    wanted: u32,
    content: &dyn ContentSource,
) -> Result<(), BackendError> {
    let failed = |error: io::Error| unavailable(&folder.path().display(), &error);
    fs::create_dir_all(folder.path()).map_err(failed)?;
    FaultPoint::WorkloadFolderMade.reach();
    stored::write_workload(&folder.workload(), workload).map_err(failed)?;
    FaultPoint::WorkloadWritten.reach();
    write_json(&folder.scale(), &Scale { wanted }).map_err(failed)?;
    make_app(
        &shared.root,
        &shared.boot,
        folder,
        &workload.template,
        content,
    )
}

fn not_there(key: &WorkloadKey) -> BackendError {
    BackendError::Refused {
        code: "WorkloadNotFound",
        message: format!("there is no workload {key} on the local cluster"),
    }
}

fn unavailable(what: &dyn fmt::Display, error: &dyn fmt::Display) -> BackendError {
    BackendError::Unavailable(format!("cannot change {what}: {error}"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackendError> + Send + 'static,
) -> Result<T, BackendError> {
    finished(tokio::task::spawn_blocking(work)).await
}

/// A change runs on to its end even when nobody waits for it any more.
async fn finished<T>(
    task: tokio::task::JoinHandle<Result<T, BackendError>>,
) -> Result<T, BackendError> {
    task.await
        .unwrap_or_else(|error| Err(BackendError::Unavailable(format!("broke off: {error}"))))
}

#[async_trait]
impl Backend for LocalBackend {
    async fn attach(
        &self,
        cluster: &ManagedCluster,
        marker: &OwnershipMarker,
    ) -> Result<(), BackendError> {
        let (inner, id, marker) = (Arc::clone(&self.inner), cluster.id, marker.clone());
        blocking(move || {
            let _one = inner.markers.lock();
            marker::put(&inner.shared.root, id, &marker)
        })
        .await
    }

    async fn detach(
        &self,
        cluster: &ManagedCluster,
        marker: &OwnershipMarker,
    ) -> Result<(), BackendError> {
        let (inner, id, marker) = (Arc::clone(&self.inner), cluster.id, marker.clone());
        blocking(move || {
            let _one = inner.markers.lock();
            marker::remove(&inner.shared.root, id, &marker)
        })
        .await
    }

    async fn preflight(&self, template: &Template) -> Result<Vec<Finding>, BackendError> {
        let (content, template) = (Arc::clone(&self.inner.content), template.clone());
        blocking(move || preflight::preflight(&template, &*content)).await
    }

    async fn ensure(&self, workload: &Workload) -> Result<(), BackendError> {
        let work = Arc::clone(&self.inner).ensure(workload.clone());
        finished(tokio::spawn(work)).await
    }

    async fn observe(
        &self,
        key: &WorkloadKey,
    ) -> Result<Option<WorkloadObservation>, BackendError> {
        match self.inner.find(key) {
            Some(running) => Ok(Some(running.observation())),
            None if self.inner.is_unknown(key) => Err(self.inner.absent(key)),
            None => Ok(None),
        }
    }

    async fn revisions(&self, deployment: Uuid) -> Result<Vec<WorkloadKey>, BackendError> {
        let unknown = self.inner.unknown().clone();
        let workloads = self.inner.workloads();
        let keys = workloads.keys().chain(&unknown);
        let keys = keys.filter(|key| key.deployment == deployment);
        Ok(keys.cloned().collect())
    }

    async fn remove(&self, key: &WorkloadKey) -> Result<(), BackendError> {
        let work = Arc::clone(&self.inner).remove(key.clone());
        finished(tokio::spawn(work)).await
    }

    async fn scale(&self, key: &WorkloadKey, replicas: u32) -> Result<(), BackendError> {
        let work = Arc::clone(&self.inner).scale(key.clone(), replicas);
        finished(tokio::spawn(work)).await
    }

    async fn logs(&self, key: &WorkloadKey, tail: usize) -> Result<String, BackendError> {
        if self.inner.find(key).is_none() && !self.inner.is_unknown(key) {
            return Err(not_there(key));
        }
        let folder = WorkloadFolder::new(&self.inner.shared.root, key);
        blocking(move || {
            let read = logs::tail(&folder, tail);
            read.map_err(|error| unavailable(&"the log", &error))
        })
        .await
    }
}
