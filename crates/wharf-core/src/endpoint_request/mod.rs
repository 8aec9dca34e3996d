//! A request for an endpoint with one deployment or with several versions, and every
//! rule on it that can be told from the request alone. All broken rules come at once.
//!
//! The same request stands behind a create and behind an update: an update is
//! the endpoint as it is shown, changed by the client's patch, and read again.

mod check;
#[cfg(test)]
mod tests;
mod versions;

pub use versions::{CheckedVersion, CheckedVersions, VersionRequest, version_place};

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    deployment::{Liveness, Resources},
    endpoint::Authentication,
    environment::EnvironmentSpec,
    model::{ArtifactPath, ModelId},
    name::{ComputeName, EndpointName, Namespace},
    scaling::Scaling,
    secret::Secret,
};

/// A request as parsed; `None` means "not sent" and takes the documented default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndpointRequest {
    /// The endpoint's name.
    pub name: String,
    /// The compute to run on.
    pub compute_name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Labels that can change.
    pub tags: BTreeMap<String, String>,
    /// Labels that can only be added.
    pub properties: BTreeMap<String, String>,
    /// A key that the client chose.
    pub primary_key: Option<Secret>,
    /// The other key that the client chose.
    pub secondary_key: Option<Secret>,
    /// Scoring needs a key; the default is yes.
    pub is_key_auth_enabled: Option<bool>,
    /// Scoring needs a token.
    pub is_token_auth_enabled: Option<bool>,
    /// A fixed number of replicas.
    pub replicas: Option<i64>,
    /// Rules of autoscaling.
    pub autoscale: AutoscaleRequest,
    /// CPU and memory of a replica.
    pub resources: ResourcesRequest,
    /// Requests that one replica works on at once.
    pub concurrency: Option<i64>,
    /// How long a request may wait for a free replica, in milliseconds.
    pub max_wait_ms: Option<i64>,
    /// How long one call may take, in milliseconds.
    pub scoring_timeout_ms: Option<i64>,
    /// When a replica counts as dead.
    pub liveness: LivenessRequest,
    /// Where the replicas run on Kubernetes.
    pub namespace: Option<String>,
    /// Models as `name:version`.
    pub models: Vec<String>,
    /// Files beside the models.
    pub code: Vec<CodeRequest>,
    /// The driver's file name.
    pub driver: Option<String>,
    /// Packages and variables; `None` asks for a deployment without code.
    pub environment: Option<EnvironmentSpec>,
    /// Replace an endpoint of that name.
    pub overwrite: bool,
    /// Members that Wharf stores and shows but does not act on.
    pub document: serde_json::Map<String, serde_json::Value>,
    /// Its versions, where it is an endpoint whose deployments are managed one by
    /// one: what is to run is then said by them alone.
    pub versions: Option<Vec<VersionRequest>>,
}

/// Autoscaling as asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AutoscaleRequest {
    /// On or off; on by default when no number of replicas is given.
    pub is_enabled: Option<bool>,
    /// Never fewer; 1 by default.
    pub min: Option<i64>,
    /// Never more; 10 by default.
    pub max: Option<i64>,
    /// Share of busy capacity to aim at; 70 percent by default.
    pub target_percent: Option<i64>,
    /// Seconds between two looks; 1 by default.
    pub refresh_seconds: Option<i64>,
}

/// Resources as asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourcesRequest {
    /// Cores promised; 0.1 by default.
    pub cpu: Option<f64>,
    /// Cores at most.
    pub cpu_limit: Option<f64>,
    /// Gigabytes promised; 0.5 by default.
    pub memory_gb: Option<f64>,
    /// Gigabytes at most.
    pub memory_limit_gb: Option<f64>,
    /// GPUs; none by default.
    pub gpu: Option<i64>,
}

/// Liveness rules as asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LivenessRequest {
    /// Seconds between probes.
    pub period_seconds: Option<i64>,
    /// Seconds before the first one.
    pub initial_delay_seconds: Option<i64>,
    /// Seconds that one probe may take.
    pub timeout_seconds: Option<i64>,
    /// Good probes in a row that make it alive again.
    pub success_threshold: Option<i64>,
    /// Bad probes in a row that make it dead.
    pub failure_threshold: Option<i64>,
}

/// A file beside the models as asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeRequest {
    /// File name in the application folder.
    pub name: String,
    /// `ORIGIN/CONTAINER/PATH` of the uploaded file.
    pub artifact: String,
    /// It is a `.tar.gz` that goes unpacked there.
    pub unpack: bool,
}

/// A request that kept the rules that need no look at anything else.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedEndpoint {
    /// The endpoint's name.
    pub name: EndpointName,
    /// The compute to run on.
    pub compute_name: ComputeName,
    /// Who may score.
    pub authentication: Authentication,
    /// How many replicas.
    pub scaling: Scaling,
    /// CPU and memory of a replica.
    pub resources: Resources,
    /// Requests that one replica works on at once.
    pub concurrency: u32,
    /// How long a request may wait for a free replica.
    pub max_wait: Duration,
    /// How long one call may take.
    pub scoring_timeout: Duration,
    /// When a replica counts as dead.
    pub liveness: Liveness,
    /// Where the replicas run on Kubernetes.
    pub namespace: Option<Namespace>,
    /// The models.
    pub models: Vec<ModelId>,
    /// Files beside the models.
    pub code: Vec<CheckedCode>,
    /// The driver's file name.
    pub driver: Option<String>,
    /// Packages and variables; `None` for one model without code.
    pub environment: Option<EnvironmentSpec>,
}

/// A file beside the models whose place is well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedCode {
    /// File name in the application folder.
    pub name: String,
    /// Where it was uploaded.
    pub artifact: ArtifactPath,
    /// It is a `.tar.gz` that goes unpacked there.
    pub unpack: bool,
}
