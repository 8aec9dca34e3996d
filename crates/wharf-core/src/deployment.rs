//! A deployment: models, environment, code, resources and scaling under an
//! endpoint.
//!
//! Its [`Template`] is what replicas are made from. Two deployments with equal
//! templates have equal [`Revision`]s; a change of scaling alone keeps the
//! revision and so the running replicas.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    built_in_script::BuiltInScript,
    digest::Digest,
    environment::EnvironmentSpec,
    model::ModelId,
    name::{EndpointName, Namespace},
    resource::{Failure, Generation},
    route::RouteTarget,
    scaling::Scaling,
    version::Version,
};

/// What a deployment should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentSpec {
    /// Its id inside Wharf; stays the same over updates.
    pub id: Uuid,
    /// Its name; the endpoint's own for a v1 service.
    pub name: EndpointName,
    /// Share of the traffic, in hundredths of a percent; all of an endpoint sum
    /// to 10,000. What routers get is told by [`crate::traffic`].
    pub weight: u32,
    /// What replicas are made from.
    pub template: Template,
    /// How many replicas.
    pub scaling: Scaling,
    /// How long a request may wait for a free replica.
    pub max_wait: Duration,
    /// When a replica counts as dead.
    pub liveness: Liveness,
    /// The endpoint's generation that last asked for this deployment; a change of
    /// others leaves it. 0 in specs of before there were several.
    #[serde(default)]
    pub asked_at: Generation,
    /// What it has of its own where clients manage the deployments of an endpoint one
    /// by one.
    #[serde(default)]
    pub version: Option<Version>,
}

impl DeploymentSpec {
    /// What runs it once it is as this spec wants.
    pub fn workload(&self) -> WorkloadKey {
        WorkloadKey {
            deployment: self.id,
            revision: self.template.revision(),
        }
    }

    /// How a router reaches it once it is as this spec wants.
    pub fn target(&self) -> RouteTarget {
        RouteTarget {
            workload: self.workload(),
            weight: self.weight,
            concurrency: self.template.concurrency,
            scoring_timeout: self.template.scoring_timeout,
            max_wait: self.max_wait,
            scaling: self.scaling,
        }
    }
}

/// What replicas are made from; pinned by digest when the deployment is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// The models, in the order of the request.
    pub models: Vec<PinnedModel>,
    /// Files beside the models: entry script, source folder, driver.
    pub code: Vec<CodeFile>,
    /// The driver's file name, run as `main` when no entry script is set.
    pub driver: Option<String>,
    /// What answers where there is no code: a script that the replica brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_in: Option<BuiltInScript>,
    /// Packages and variables.
    pub environment: EnvironmentSpec,
    /// CPU and memory of a replica.
    pub resources: Resources,
    /// Requests that one replica works on at once.
    pub concurrency: u32,
    /// How long one call may take.
    pub scoring_timeout: Duration,
    /// Where the replica runs on Kubernetes; `None` is the compute's own.
    pub namespace: Option<Namespace>,
    /// The cluster that it was moved to; `None` while it is where it was first put. It
    /// makes a move a new revision, whose replicas answer before the old ones go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<Uuid>,
}

/// A model whose files cannot change any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedModel {
    /// Name and version.
    pub id: ModelId,
    /// For example `ScikitLearn`.
    pub framework: Option<String>,
    /// For example `1.9.1`.
    pub framework_version: Option<String>,
    /// The single file is an archive that goes unpacked into the version folder.
    pub unpack: bool,
    /// Its files.
    pub files: Vec<PinnedFile>,
}

/// A file by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedFile {
    /// Relative to the version folder, with `/`.
    pub path: String,
    /// Its content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A file, or an archive to unpack, in the application folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeFile {
    /// File name in the application folder.
    pub name: String,
    /// Its content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// It is a `.tar.gz` that goes unpacked there.
    pub unpack: bool,
}

/// What a replica may use. Requests are what it is promised, limits what it may
/// not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Cores promised.
    pub cpu: f64,
    /// Cores at most; `None` sets no limit.
    pub cpu_limit: Option<f64>,
    /// Gigabytes of memory promised.
    pub memory_gb: f64,
    /// Gigabytes at most; `None` sets no limit.
    pub memory_limit_gb: Option<f64>,
    /// GPUs.
    pub gpu: u32,
}

/// When a replica counts as dead and is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liveness {
    /// Seconds between probes.
    pub period_seconds: u32,
    /// Seconds before the first one.
    pub initial_delay_seconds: u32,
    /// Seconds that one probe may take.
    pub timeout_seconds: u32,
    /// Good probes in a row that make it alive again.
    pub success_threshold: u32,
    /// Bad probes in a row that make it dead.
    pub failure_threshold: u32,
}

impl Default for Liveness {
    /// The defaults that the SDK documents (its response parser agrees but for
    /// the time-out, where the docs say 2).
    fn default() -> Self {
        Self {
            period_seconds: 10,
            initial_delay_seconds: 310,
            timeout_seconds: 2,
            success_threshold: 1,
            failure_threshold: 3,
        }
    }
}

/// Names a template by its content: 12 hex digits of its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(String);

impl Revision {
    /// The revision as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Template {
    /// Every content that replicas are made from.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        let models = self.models.iter().flat_map(|model| &model.files);
        let code = self.code.iter().map(|file| &file.digest);
        models.map(|file| &file.digest).chain(code)
    }

    /// The revision of this template. Field order is fixed by the type, so equal
    /// templates give equal text.
    pub fn revision(&self) -> Revision {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let mut digits = Digest::of(&text).to_string();
        digits.truncate(12);
        Revision(digits)
    }
}

/// One revision of one deployment: what a backend runs under one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkloadKey {
    /// The deployment's id.
    pub deployment: Uuid,
    /// The revision of its template.
    pub revision: Revision,
}

impl fmt::Display for WorkloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.deployment.simple(), self.revision)
    }
}

/// The text is not a workload key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 hex digits, a hyphen and 12 hex digits")]
pub struct InvalidWorkloadKey;

impl FromStr for WorkloadKey {
    type Err = InvalidWorkloadKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (deployment, revision) = text.split_once('-').ok_or(InvalidWorkloadKey)?;
        let is_hex = revision.len() == 12 && revision.bytes().all(|b| b.is_ascii_hexdigit());
        match Uuid::try_parse(deployment) {
            Ok(deployment) if is_hex => Ok(Self {
                deployment,
                revision: Revision(revision.to_owned()),
            }),
            _ => Err(InvalidWorkloadKey),
        }
    }
}

/// The state words of the how-to for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DeploymentState {
    /// On its way.
    #[default]
    Transitioning,
    /// Serving.
    Healthy,
    /// Not serving at the moment; may heal by itself.
    Unhealthy,
    /// Does not fit on the cluster at the moment.
    Unschedulable,
    /// Will not serve until it is changed.
    Failed,
}

/// What was seen of a deployment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// In one word.
    pub state: DeploymentState,
    /// Why it is not healthy.
    pub failure: Option<Failure>,
    /// What gets the traffic, as the router was told. It stays while a newer
    /// revision is on its way or failed.
    pub serving: Option<RouteTarget>,
    /// Digest of the environment it runs in.
    pub environment: Option<String>,
    /// Interpreter of that environment.
    pub python: Option<std::path::PathBuf>,
    /// What a person should know: Python relaxed, packages mapped or dropped.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Replicas that can answer.
    pub ready: u32,
    /// Replicas there should be.
    pub wanted: u32,
    /// The [`DeploymentSpec::asked_at`] whose operation its failure has ended, while
    /// it is not as that one wanted: later changes of others do not fail for it.
    #[serde(default)]
    pub failed_at: Option<Generation>,
}

impl DeploymentStatus {
    /// Whether `key` gets the traffic.
    pub fn serves(&self, key: &WorkloadKey) -> bool {
        let serving = self.serving.as_ref();
        serving.is_some_and(|serving| serving.workload == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_print_and_parse_back() {
        let key = WorkloadKey {
            deployment: Uuid::from_u128(7),
            revision: Revision("0123456789ab".into()),
        };
        assert_eq!(key.to_string().parse(), Ok(key));
        for bad in ["", "x-y", "00000000000000000000000000000007-../../etc"] {
            assert_eq!(bad.parse::<WorkloadKey>(), Err(InvalidWorkloadKey));
        }
    }
}
