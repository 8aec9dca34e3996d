//! An endpoint: a stable scoring URL with authentication and a traffic split.
//!
//! Its deployments are part of its spec and share its generation, so that a v1
//! service (one endpoint, one deployment) changes in one write
//! (docs/decisions/0001-endpoints-not-services.md).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    deployment::{DeploymentSpec, DeploymentState, DeploymentStatus},
    name::{ComputeName, EndpointName},
    resource::{Generation, Observed},
};

/// Who may score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authentication {
    /// Anybody.
    Open,
    /// Holders of one of the two keys.
    Key,
    /// Holders of a token that was issued for it.
    Token,
}

/// What an endpoint should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSpec {
    /// The compute it runs on.
    pub compute: Uuid,
    /// That compute's name.
    pub compute_name: ComputeName,
    /// Who may score.
    pub authentication: Authentication,
    /// Free text.
    pub description: Option<String>,
    /// Labels that can change.
    pub tags: BTreeMap<String, String>,
    /// Labels that can only be added.
    pub properties: BTreeMap<String, String>,
    /// Its deployments; one for a v1 service.
    pub deployments: Vec<DeploymentSpec>,
    /// It is to go.
    pub is_absent: bool,
    /// The surface's own document behind this spec: members that Wharf stores and
    /// shows but does not act on (application insights, data collection, the
    /// environment as the client spelled it).
    #[serde(default)]
    pub document: serde_json::Map<String, serde_json::Value>,
}

/// What was seen of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// As far as operations care.
    pub observed: Observed,
    /// By deployment id.
    pub deployments: BTreeMap<Uuid, DeploymentStatus>,
}

impl Default for EndpointStatus {
    fn default() -> Self {
        Self {
            observed: Observed::NotYet,
            deployments: BTreeMap::new(),
        }
    }
}

/// An endpoint with what was seen of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its id inside Wharf.
    pub id: Uuid,
    /// The workspace it belongs to.
    pub workspace: Uuid,
    /// Its name.
    pub name: EndpointName,
    /// What it should be.
    pub spec: EndpointSpec,
    /// Counts changes of the spec.
    pub generation: Generation,
    /// What the reconciler saw.
    pub status: EndpointStatus,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When its spec last changed.
    pub modified_at: Timestamp,
}

impl Endpoint {
    /// The state in one word, over all deployments: the worst one that has
    /// traffic decides.
    pub fn state(&self) -> DeploymentState {
        if self.spec.is_absent {
            return DeploymentState::Transitioning;
        }
        let states: Vec<_> = self
            .spec
            .deployments
            .iter()
            .map(|deployment| {
                self.status
                    .deployments
                    .get(&deployment.id)
                    .map_or(DeploymentState::Transitioning, |status| status.state)
            })
            .collect();
        [
            DeploymentState::Failed,
            DeploymentState::Unschedulable,
            DeploymentState::Unhealthy,
            DeploymentState::Transitioning,
        ]
        .into_iter()
        .find(|state| states.contains(state))
        .unwrap_or(DeploymentState::Healthy)
    }

    /// Whether it failed before any deployment of it got traffic, so that there is
    /// nothing to score.
    pub fn is_stillborn(&self) -> bool {
        let mut deployments = self.status.deployments.values();
        self.state() == DeploymentState::Failed && deployments.all(|it| it.serving.is_none())
    }
}
