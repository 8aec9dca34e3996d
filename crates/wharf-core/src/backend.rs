//! What moves replicas on a cluster: [`Backend`]; and what makes clusters:
//! [`Provider`]. Every call is safe to repeat, and an error means "unknown",
//! never "gone".

use std::{io, path::PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    deployment::{Liveness, Template, WorkloadKey},
    digest::Digest,
    finding::Finding,
    managed_cluster::ManagedCluster,
    route::ReplicaAddress,
    scaling::Scaling,
};

/// What went wrong on a cluster.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackendError {
    /// Somebody else's attachment holds the cluster.
    #[error("the cluster is already attached as `{}` in workspace `{}`", .0.compute, .0.workspace)]
    Owned(OwnershipMarker),
    /// What was asked can never work as it is; `code` is for programs.
    #[error("{message}")]
    Refused {
        /// A stable word.
        code: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// May work later.
    #[error("{0}")]
    Unavailable(String),
}

/// Says whose a cluster is; lives in the cluster itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnershipMarker {
    /// The workspace's id.
    pub workspace: Uuid,
    /// The compute's id.
    pub compute_id: Uuid,
    /// The compute's name, for messages.
    pub compute: String,
    /// Told apart from an earlier life of a compute of that name.
    pub incarnation: Uuid,
}

/// Everything a backend must know to run one revision of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Its name.
    pub key: WorkloadKey,
    /// The cluster it runs on.
    pub cluster: Uuid,
    /// The endpoint's name: what a replica calls its service.
    pub service_name: String,
    /// What replicas are made from.
    pub template: Template,
    /// How many. With [`Scaling::Auto`] the backend starts `initial()` ones and
    /// then leaves the number to [`Backend::scale`].
    pub scaling: Scaling,
    /// When a replica counts as dead.
    #[serde(default)]
    pub liveness: Liveness,
    /// Interpreter of the built environment.
    pub python: PathBuf,
    /// Lines for the top of every replica's log.
    #[serde(default)]
    pub notices: Vec<String>,
}

/// Where one replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaPhase {
    /// Loading.
    Starting,
    /// Answers.
    Ready,
    /// `init()` failed, or the process ended; it is started again with back-off.
    Failed {
        /// Last line of the reason; the log has the rest.
        message: String,
    },
}

/// One replica as seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaObservation {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub phase: ReplicaPhase,
    /// How often it was started again.
    pub restarts: u32,
    /// Its process or pod, for people and tests.
    pub process: Option<u32>,
    /// How it is reached, once ready.
    pub address: Option<ReplicaAddress>,
}

/// A workload as seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkloadObservation {
    /// Replicas there should be by now.
    pub wanted: u32,
    /// The replicas.
    pub replicas: Vec<ReplicaObservation>,
}

impl WorkloadObservation {
    /// Replicas that can answer.
    pub fn ready(&self) -> u32 {
        let ready = self
            .replicas
            .iter()
            .filter(|replica| replica.phase == ReplicaPhase::Ready);
        u32::try_from(ready.count()).unwrap_or(u32::MAX)
    }
}

/// Gives out stored bytes by digest. Calls block: use them off the async threads.
pub trait ContentSource: Send + Sync {
    /// Opens the bytes.
    ///
    /// # Errors
    /// When they are not there or cannot be read.
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn io::Read + Send>>;
}

/// Makes replicas run on a cluster.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Ties the cluster to a compute: writes the ownership marker. Doing it again
    /// with the same marker is fine.
    ///
    /// # Errors
    /// [`BackendError::Owned`] when another compute's marker is there.
    async fn attach(
        &self,
        cluster: &ManagedCluster,
        marker: &OwnershipMarker,
    ) -> Result<(), BackendError>;

    /// Removes what [`Backend::attach`] made and nothing else. A marker that is not
    /// `marker` is left alone.
    ///
    /// # Errors
    /// When the cluster cannot be asked.
    async fn detach(
        &self,
        cluster: &ManagedCluster,
        marker: &OwnershipMarker,
    ) -> Result<(), BackendError>;

    /// Checks a template before anything is written down: hostile archives, devices
    /// that the cluster does not have. Every broken rule at once; fields are those of
    /// the surface's document, for example `environmentImageRequest.assets`.
    ///
    /// # Errors
    /// When it cannot be told.
    async fn preflight(&self, template: &Template) -> Result<Vec<Finding>, BackendError>;

    /// Makes the workload as described; returns before replicas are ready.
    ///
    /// # Errors
    /// [`BackendError::Refused`] when it can never run, for example a hostile archive.
    async fn ensure(&self, workload: &Workload) -> Result<(), BackendError>;

    /// Looks at a workload; `None` when it is known not to be there.
    ///
    /// # Errors
    /// When it cannot be told.
    async fn observe(&self, key: &WorkloadKey)
    -> Result<Option<WorkloadObservation>, BackendError>;

    /// Keys of all workloads of a deployment that are there, of any revision.
    ///
    /// # Errors
    /// When it cannot be told.
    async fn revisions(&self, deployment: Uuid) -> Result<Vec<WorkloadKey>, BackendError>;

    /// Stops the replicas, lets running requests end, and removes the workload.
    /// Fine when it is not there.
    ///
    /// # Errors
    /// When something is left.
    async fn remove(&self, key: &WorkloadKey) -> Result<(), BackendError>;

    /// Sets the number of replicas.
    ///
    /// # Errors
    /// When the workload is not there.
    async fn scale(&self, key: &WorkloadKey, replicas: u32) -> Result<(), BackendError>;

    /// The last `tail` lines of a replica's log; of one that crashed too.
    ///
    /// # Errors
    /// When nothing was ever logged for that key.
    async fn logs(&self, key: &WorkloadKey, tail: usize) -> Result<String, BackendError>;
}

/// Makes and deletes managed clusters.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Makes the cluster; `true` once it is there.
    ///
    /// # Errors
    /// When it cannot be made.
    async fn create(&self, cluster: &ManagedCluster) -> Result<bool, BackendError>;

    /// Deletes the cluster; `true` once it is gone. Fine when it is not there.
    ///
    /// # Errors
    /// When it cannot be deleted.
    async fn delete(&self, cluster: &ManagedCluster) -> Result<bool, BackendError>;

    /// An administrator's kubeconfig for it, as text; `None` where there is none,
    /// as on the local cluster.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn kubeconfig(
        &self,
        cluster: &ManagedCluster,
    ) -> Result<Option<crate::secret::Secret>, BackendError>;
}
