//! What a scorer is started with. The scorer knows nothing of Wharf, so the shape
//! is its own; the fields are described there.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use wharf_core::{backend::Workload, deployment::Template};

use super::{
    allotment::{gpus_here, variables},
    files::{ReplicaFolder, WorkloadFolder},
    stage::{MODELS, entry_script, variable},
};

/// Size at which a log is rotated, in bytes.
const LOG_BYTES: u64 = 10 << 20;
/// Rotated logs that are kept.
const LOGS_KEPT: u32 = 3;
/// Largest request body, in bytes; Azure documents 100 MB for Kubernetes online
/// endpoints.
const BODY_BYTES: u64 = 100 << 20;

/// What a request may take beyond the scoring timeout. The scorer kills a worker
/// that is 2 s late, and the answer has to get out too.
const OVERTIME: Duration = Duration::from_secs(5);

/// What a scorer gets to end once it has drained.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// The scorer's configuration file.
#[derive(Debug, Serialize)]
pub(super) struct ReplicaConfig {
    pub(super) replica: String,
    pub(super) service_name: String,
    pub(super) service_version: String,
    pub(super) listen: Listen,
    pub(super) app_root: String,
    pub(super) model_dir: String,
    pub(super) entry_script: Option<String>,
    pub(super) built_in_script: Option<String>,
    pub(super) source_directory: Option<String>,
    pub(super) python: String,
    pub(super) workers: u32,
    pub(super) scoring_timeout_ms: u64,
    pub(super) drain_ms: u64,
    pub(super) environment_variables: BTreeMap<String, String>,
    pub(super) log_file: String,
    pub(super) log_max_bytes: u64,
    pub(super) log_keep: u32,
    pub(super) state_file: String,
    pub(super) notices: Vec<String>,
    pub(super) max_body_bytes: u64,
    pub(super) address_space_bytes: Option<u64>,
}

/// What a later server has to know of a running replica: no more of its
/// configuration, so that this may change from release to release.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Identity {
    pub(super) replica: String,
    pub(super) listen: Listen,
    #[serde(default)]
    pub(super) drain_ms: Option<u64>,
}

/// Where a scorer listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Listen {
    Unix(String),
}

/// The configuration of one replica.
pub(super) fn replica_config(
    workload: &Workload,
    folder: &WorkloadFolder,
    replica: &ReplicaFolder,
    id: &str,
    index: u32,
    socket: &Path,
) -> ReplicaConfig {
    let template = &workload.template;
    let workers = template.concurrency.max(1);
    let mut variables = variables(&template.resources, workers, index, gpus_here());
    variables.extend(template.environment.variables.clone());
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let models = folder.app().join(MODELS);
    // One model: its version folder; several or none: the folder of all.
    let model_dir = match template.models.as_slice() {
        [model] => models
            .join(model.id.name.to_string())
            .join(model.id.version.to_string()),
        _ => models,
    };
    ReplicaConfig {
        replica: id.to_owned(),
        service_name: workload.service_name.clone(),
        service_version: workload.key.revision.to_string(),
        listen: Listen::Unix(text(socket)),
        app_root: text(&folder.app()),
        model_dir: text(&model_dir),
        entry_script: entry_script(template).cloned(),
        built_in_script: template.built_in.map(|script| script.name().to_owned()),
        source_directory: variable(template, "AZUREML_SOURCE_DIRECTORY").cloned(),
        python: text(&workload.python),
        workers,
        scoring_timeout_ms: milliseconds(template.scoring_timeout),
        drain_ms: milliseconds(drain(template)),
        environment_variables: variables,
        log_file: text(&replica.log()),
        log_max_bytes: LOG_BYTES,
        log_keep: LOGS_KEPT,
        state_file: text(&replica.state()),
        notices: workload.notices.clone(),
        max_body_bytes: BODY_BYTES,
        address_space_bytes: template
            .resources
            .memory_limit_gb
            .map(|limit_gb| address_space(limit_gb, workers)),
    }
}

/// How long a replica that leaves gets to finish its requests. One that was just
/// admitted may take the whole scoring timeout.
fn drain(template: &Template) -> Duration {
    template.scoring_timeout + OVERTIME
}

/// How long a replica that leaves gets before it is killed: it drains, cuts what is
/// left, and ends.
pub(super) fn leaving_time(template: &Template) -> Duration {
    drain(template) + GRACE
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The address space of each of a replica's workers, in bytes; the limit is the
/// replica's, so they share it. Python reserves more addresses than it uses, and
/// each worker has libraries of its own, so the limit on addresses is higher than
/// the one on memory.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates, which is right for a limit"
)]
fn address_space(limit_gb: f64, workers: u32) -> u64 {
    ((limit_gb * 1.5e9 / f64::from(workers)) as u64).saturating_add(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_the_memory_of_their_replica() {
        let own = 1 << 30;
        assert_eq!(address_space(2.0, 1), 3_000_000_000 + own);
        assert_eq!(address_space(2.0, 4), 750_000_000 + own);
        assert_eq!(address_space(0.0, 64), own);
        assert_eq!(address_space(f64::MAX, 1), u64::MAX);
    }
}
