//! What a router reads: routes by workspace and endpoint, replicas by workload.
//!
//! Locally both travel through `watch` channels as immutable snapshots; a router
//! needs nothing else, so serving does not need the control plane.

use std::{collections::HashMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    deployment::WorkloadKey,
    keys::KeyHash,
    scaling::Scaling,
    tls::{CertificatePair, HostName},
    token::TokenRule,
};

/// Who may score on a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteAuthentication {
    /// Anybody.
    Open,
    /// Holders of a key with one of these hashes.
    Keys(Vec<KeyHash>),
    /// Holders of a token that keeps this rule.
    Tokens(TokenRule),
}

/// First segment of the scoring paths of all workspaces but the first:
/// `/workspaces/ID/api/v1/service/NAME/score`.
pub const OTHER_WORKSPACES: &str = "workspaces";

/// One endpoint, as a router needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The endpoint's workspace, in which its name is unique; none for the first, whose
    /// scoring paths have no prefix.
    #[serde(default)]
    pub workspace: Option<Uuid>,
    /// The endpoint's name, which is in the URL.
    pub endpoint: String,
    /// Who may score.
    pub authentication: RouteAuthentication,
    /// Where requests go; weights sum to 10,000, or the list is empty while
    /// nothing serves.
    pub targets: Vec<RouteTarget>,
}

/// One deployment under a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTarget {
    /// What serves it.
    pub workload: WorkloadKey,
    /// Share of the traffic in hundredths of a percent.
    pub weight: u32,
    /// Requests that one replica works on at once.
    pub concurrency: u32,
    /// How long one call may take.
    pub scoring_timeout: Duration,
    /// How long a request may wait for a free replica.
    pub max_wait: Duration,
    /// How many replicas.
    pub scaling: Scaling,
}

impl Route {
    /// Its place in a [`RouteTable`].
    pub fn key(workspace: Option<Uuid>, endpoint: &str) -> String {
        match workspace {
            None => endpoint.to_owned(),
            Some(id) => format!("{id}/{endpoint}"),
        }
    }

    /// The path that an endpoint is scored at.
    pub fn scoring_path(workspace: Option<Uuid>, endpoint: &str) -> String {
        match workspace {
            None => format!("/api/v1/service/{endpoint}/score"),
            Some(id) => format!("/{OTHER_WORKSPACES}/{id}/api/v1/service/{endpoint}/score"),
        }
    }
}

/// All routes at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// By [`Route::key`].
    pub routes: HashMap<String, Arc<Route>>,
    /// What connections to a compute's own name are served with.
    pub certificates: Arc<HashMap<HostName, Arc<CertificatePair>>>,
}

/// How a replica is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReplicaAddress {
    /// A socket file of this machine.
    Unix(PathBuf),
    /// An address in the cluster's network.
    Tcp(SocketAddr),
}

/// A replica that can answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadyReplica {
    /// Unique among all replicas that ever were.
    pub id: String,
    /// How it is reached.
    pub address: ReplicaAddress,
}

/// All ready replicas at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicaTable {
    /// By workload.
    pub replicas: HashMap<WorkloadKey, Vec<ReadyReplica>>,
}
