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
    resource::{Failure, Generation, Observed},
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
    /// Clients manage its deployments one by one, each with a
    /// [`Version`](crate::version::Version) of its own.
    #[serde(default)]
    pub is_versioned: bool,
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
    /// By deployment id. One that is in no spec any more stays until its replicas are
    /// gone: nothing else remembers it.
    pub deployments: BTreeMap<Uuid, DeploymentStatus>,
}

impl EndpointStatus {
    /// Nothing was seen yet of these deployments.
    pub fn new(deployments: &[DeploymentSpec]) -> Self {
        Self {
            deployments: deployments
                .iter()
                .map(|it| (it.id, DeploymentStatus::default()))
                .collect(),
            ..Self::default()
        }
    }

    /// Whether each deployment that is known here is as its newest spec wants, as far
    /// as operations have ended.
    pub fn is_whole(&self) -> bool {
        let mut deployments = self.deployments.values();
        matches!(self.observed, Observed::Reached(_))
            && deployments.all(|it| it.failed_at.is_none())
    }
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
    /// What was seen of each deployment of the spec.
    fn statuses(&self) -> impl Iterator<Item = Option<&DeploymentStatus>> {
        let deployments = self.spec.deployments.iter();
        deployments.map(|deployment| self.status.deployments.get(&deployment.id))
    }

    /// The state in one word: that of the worst deployment. Where clients manage the
    /// deployments one by one and some of them answer, the endpoint does too: a worse
    /// one makes it no more than [`DeploymentState::Unhealthy`].
    pub fn state(&self) -> DeploymentState {
        if self.spec.is_absent {
            return DeploymentState::Transitioning;
        }
        let state = |status: Option<&DeploymentStatus>| {
            status.map_or(DeploymentState::Transitioning, |status| status.state)
        };
        let states: Vec<_> = self.statuses().map(state).collect();
        let worst = [
            DeploymentState::Failed,
            DeploymentState::Unschedulable,
            DeploymentState::Unhealthy,
            DeploymentState::Transitioning,
        ]
        .into_iter()
        .find(|state| states.contains(state))
        .unwrap_or(DeploymentState::Healthy);
        let answers = |status: Option<&DeploymentStatus>| {
            status.is_some_and(|it| it.serving.is_some() && it.state != DeploymentState::Unhealthy)
        };
        let is_bad = matches!(
            worst,
            DeploymentState::Failed | DeploymentState::Unschedulable
        );
        if self.spec.is_versioned && is_bad && self.statuses().any(answers) {
            return DeploymentState::Unhealthy;
        }
        worst
    }

    /// Why its newest change failed. Where clients manage the deployments one by one, it
    /// speaks of those that have not come right since.
    pub fn failure(&self) -> Option<Failure> {
        let Observed::Failed { failure, .. } = &self.status.observed else {
            return None;
        };
        let deployments = self.spec.deployments.iter();
        let left: Vec<_> = deployments
            .filter(|it| it.version.is_some())
            .filter_map(|it| Some((&it.name, self.status.deployments.get(&it.id)?)))
            .filter(|(_, status)| status.failed_at.is_some())
            .filter_map(|(name, status)| Some((Some(name), status.failure.as_ref()?)))
            .collect();
        Failure::together(&left).or_else(|| Some(failure.clone()))
    }

    /// Whether it failed before any deployment of it got traffic, so that there is
    /// nothing to score.
    pub fn is_stillborn(&self) -> bool {
        let mut known = self.status.deployments.values();
        let has_failed = |status: Option<&DeploymentStatus>| {
            status.is_some_and(|status| status.state == DeploymentState::Failed)
        };
        !self.spec.is_absent
            && known.all(|it| it.serving.is_none())
            && self.statuses().all(has_failed)
    }
}
