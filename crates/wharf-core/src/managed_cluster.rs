//! Managed clusters: Kubernetes clusters that Wharf knows, made by a provider
//! or imported with a kubeconfig. The embedded set-up has one, `local`, whose
//! replicas are child processes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    name::ManagedClusterName,
    resource::{Generation, Observed},
    resource_id::ResourceId,
};

/// Who makes and deletes the cluster, and which backend moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderKind {
    /// This machine: replicas are child processes.
    Local,
    /// Somebody else made it; Wharf holds a kubeconfig.
    Imported,
}

/// What a managed cluster should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagedClusterSpec {
    /// Who makes it.
    pub provider: ProviderKind,
    /// Azure region or any other word for a place.
    pub location: String,
    /// For example `1.34.2`.
    pub kubernetes_version: String,
    /// Number of nodes. On the local cluster it is nominal: the rules of the
    /// how-to are checked against it, the machine is what it is.
    pub node_count: u32,
    /// Size of the nodes, a name of [`crate::vm_size`]. Nominal likewise.
    pub vm_size: String,
    /// Server address of an imported cluster, for people; never with credentials.
    pub server: Option<String>,
    /// Labels of the user.
    pub tags: BTreeMap<String, String>,
    /// Made for a compute by a create request; goes when that compute is deleted.
    pub owned_by_compute: bool,
    /// The cluster is to be deleted.
    pub is_absent: bool,
    /// Members of a PUT body that Wharf does not interpret but gives back.
    #[serde(default)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A cluster with what was seen of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ManagedCluster {
    /// Its id inside Wharf.
    pub id: Uuid,
    /// The subscription it is in.
    pub subscription: Uuid,
    /// The resource group it is in.
    pub group: String,
    /// Its name.
    pub name: ManagedClusterName,
    /// What it should be.
    pub spec: ManagedClusterSpec,
    /// Counts changes of the spec.
    pub generation: Generation,
    /// What the reconciler saw.
    pub observed: Observed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its spec last changed.
    pub modified_at: Timestamp,
}

impl ManagedCluster {
    /// Its ARM id.
    pub fn resource_id(&self) -> ResourceId {
        ResourceId::managed_cluster(
            &self.subscription.to_string(),
            &self.group,
            self.name.as_str(),
        )
    }
}
