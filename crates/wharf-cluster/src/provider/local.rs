//! A local cluster is a name for this machine: making one makes a folder for what
//! belongs to it.

use std::{fs, io, path::PathBuf};

use async_trait::async_trait;
use wharf_core::{
    Secret,
    backend::{BackendError, Provider},
    managed_cluster::ManagedCluster,
};

use crate::local::cluster_folder;

/// Makes local clusters.
#[derive(Debug, Clone)]
pub struct LocalProvider {
    root: PathBuf,
}

impl LocalProvider {
    /// `root` is the same as [`crate::LocalSettings::root`]; clusters go into
    /// `clusters` beside it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

#[async_trait]
impl Provider for LocalProvider {
    async fn create(&self, cluster: &ManagedCluster) -> Result<bool, BackendError> {
        let folder = cluster_folder(&self.root, cluster.id);
        let text = serde_json::json!({
            "id": cluster.id,
            "name": cluster.name.to_string(),
            "group": cluster.group,
            "subscription": cluster.subscription,
        });
        let made = fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("cluster.json"), text.to_string()));
        made.map_err(|error| unavailable(&folder, &error))?;
        Ok(true)
    }

    /// A cluster that somebody holds stays: `false` until it is detached.
    async fn delete(&self, cluster: &ManagedCluster) -> Result<bool, BackendError> {
        let folder = cluster_folder(&self.root, cluster.id);
        if folder.join("marker.json").exists() {
            return Ok(false);
        }
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(unavailable(&folder, &error))
            }
            _ => Ok(true),
        }
    }

    async fn kubeconfig(&self, _cluster: &ManagedCluster) -> Result<Option<Secret>, BackendError> {
        Ok(None)
    }
}

fn unavailable(folder: &std::path::Path, error: &io::Error) -> BackendError {
    BackendError::Unavailable(format!("cannot change {}: {error}", folder.display()))
}
