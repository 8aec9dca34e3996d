//! The local cluster of this server: child processes as replicas, environments by
//! `uv`, and what the router's autoscaling asks for.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_cluster::{LocalBackend, LocalSettings, UvEnvironments, UvSettings};
use wharf_core::{backend::Backend as _, deployment::WorkloadKey};
use wharf_router::Scaler;
use wharf_store::BlobStore;

use crate::{config::ServerArgs, data_dir::LockedDataDir, error::StartError, passed_on};

/// The local cluster; its replicas of an earlier start are taken over.
pub(crate) async fn backend(
    dir: &LockedDataDir,
    blobs: &BlobStore,
) -> Result<Arc<LocalBackend>, StartError> {
    let program = std::env::current_exe()
        .map_err(|error| StartError::Part(format!("this program cannot be found: {error}")))?;
    let settings = LocalSettings {
        root: dir.path("replicas"),
        socket_dir: dir.path("sockets"),
        scorer_program: program,
        content: Arc::new(blobs.clone()),
        environment: passed_on::to_replicas(),
    };
    LocalBackend::start(settings)
        .await
        .map_err(|error| StartError::Part(format!("the local cluster: {error}")))
}

/// What builds environments.
pub(crate) fn environments(
    args: &ServerArgs,
    dir: &LockedDataDir,
) -> Result<Arc<UvEnvironments>, StartError> {
    let mut settings = UvSettings::new(dir.path("environments"));
    settings.uv.clone_from(&args.uv);
    settings.environment = passed_on::to_builders();
    settings.limits.least_free_bytes = args.keep_free << 20;
    settings.policy.strict_python = args.strict_python;
    settings.policy.allow_source_builds = args.allow_source_builds;
    settings.policy.host_python.clone_from(&args.host_python);
    UvEnvironments::new(settings)
        .map(Arc::new)
        .map_err(|error| StartError::Part(format!("the environments: {error}")))
}

/// Asks the local cluster for a number of replicas.
pub(crate) struct LocalScaler(pub(crate) Arc<LocalBackend>);

#[async_trait]
impl Scaler for LocalScaler {
    async fn scale(&self, key: &WorkloadKey, replicas: u32) -> Result<(), String> {
        let scaled = self.0.scale(key, replicas).await;
        scaled.map_err(|error| error.to_string())
    }
}
