//! Computes: a managed cluster tied to a workspace under a name.
//!
//! - here: what a compute is, and the words for its state
//! - [`request`](ComputeRequest): a PUT, and the rules it must keep
//! - [`kubernetes`](KubernetesSettings): what only a Kubernetes compute has
//! - [`load_balancer`](LoadBalancer): how its router is reached

mod kubernetes;
mod load_balancer;
mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use kubernetes::{InstanceType, KubernetesRequest, KubernetesSettings, MOST_INSTANCE_TYPES};
pub use load_balancer::{LoadBalancer, LoadBalancerChange};
pub(crate) use request::check_labels;
pub use request::{
    CheckedCompute, ComputeRequest, DEFAULT_AGENT_COUNT, MOST_AGENTS, MOST_TAGS, check_cores,
};

use crate::{
    finding::Finding,
    name::ComputeName,
    network::Network,
    resource::{Generation, Observed},
    resource_id::ResourceId,
    tls::Tls,
};

/// What a cluster is for; decides how many cores it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Purpose {
    /// Production.
    #[default]
    FastProd,
    /// Development and tests.
    DevTest,
}

impl Purpose {
    /// Fewest cores of all nodes together: 12 for production, 2 for tests (the
    /// how-to on creating and attaching a cluster).
    pub fn fewest_cores(self) -> u32 {
        match self {
            Self::FastProd => 12,
            Self::DevTest => 2,
        }
    }

    /// The word that both the wire and people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FastProd => "FastProd",
            Self::DevTest => "DevTest",
        }
    }
}

/// How the compute came to be, which decides how it may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Its cluster was made for it: delete removes both.
    Created,
    /// Its cluster was there before: only detach, which leaves the cluster alone.
    Attached,
}

/// How a compute is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removal {
    /// With its cluster.
    Delete,
    /// Without its cluster.
    Detach,
}

/// What a compute should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComputeSpec {
    /// Created or attached.
    pub origin: Origin,
    /// The managed cluster inside Wharf.
    pub cluster: Uuid,
    /// The cluster's ARM id.
    pub cluster_id: ResourceId,
    /// The workspace's location as the client wrote it.
    pub location: String,
    /// Where the nodes are, when it differs.
    pub compute_location: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Labels of the user.
    pub tags: BTreeMap<String, String>,
    /// What the cluster is for.
    pub purpose: Purpose,
    /// Number of nodes.
    pub agent_count: u32,
    /// Size of the nodes.
    pub vm_size: String,
    /// The user's own network.
    pub network: Option<Network>,
    /// How the router is reached.
    pub load_balancer: LoadBalancer,
    /// The name and the certificate that its services are reached with.
    #[serde(default)]
    pub tls: Tls,
    /// What a Kubernetes compute has; `None` is an AKS one.
    #[serde(default)]
    pub kubernetes: Option<KubernetesSettings>,
    /// The compute is to go.
    pub removal: Option<Removal>,
    /// What somebody should know who reads it, for example that the cluster's version
    /// is a preview.
    #[serde(default)]
    pub warnings: Vec<Finding>,
    /// Top-level members of the PUT body that Wharf does not interpret but gives
    /// back, so that a client's read-modify-write loses nothing.
    #[serde(default)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl ComputeSpec {
    /// Its type.
    pub fn kind(&self) -> ComputeKind {
        match self.kubernetes {
            None => ComputeKind::Aks,
            Some(_) => ComputeKind::Kubernetes,
        }
    }
}

/// The types of computes, told apart by what clients do with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComputeKind {
    /// Created or attached, with the rules of the how-to.
    Aks,
    /// Attached, for workloads of a namespace.
    Kubernetes,
}

impl ComputeKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Aks, Self::Kubernetes];

    /// The word that both the wire and the store use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aks => "AKS",
            Self::Kubernetes => "Kubernetes",
        }
    }
}

/// A compute with what was seen of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Compute {
    /// Its id inside Wharf.
    pub id: Uuid,
    /// The workspace it belongs to.
    pub workspace: Uuid,
    /// Its name.
    pub name: ComputeName,
    /// What it should be.
    pub spec: ComputeSpec,
    /// Counts changes of the spec.
    pub generation: Generation,
    /// What the reconciler saw.
    pub observed: Observed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its spec last changed.
    pub modified_at: Timestamp,
}

/// The state words of ARM for a compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvisioningState {
    /// Being made or attached.
    Creating,
    /// Being changed.
    Updating,
    /// Going.
    Deleting,
    /// As wanted.
    Succeeded,
    /// Cannot be as wanted.
    Failed,
}

impl ProvisioningState {
    /// What a resource at `generation` shows for `observed`.
    pub fn of(generation: Generation, observed: &Observed, is_going: bool) -> Self {
        match observed {
            Observed::Failed { at, .. } if *at >= generation => Self::Failed,
            _ if is_going => Self::Deleting,
            Observed::Reached(at) if *at >= generation => Self::Succeeded,
            _ if generation == Generation::FIRST => Self::Creating,
            _ => Self::Updating,
        }
    }

    /// The word on the wire, the same for all of ARM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}
