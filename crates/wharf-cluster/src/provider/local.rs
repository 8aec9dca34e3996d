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
        let made = fs::create_dir_all(&folder);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cluster_that_somebody_holds_is_not_deleted() -> Result<(), BackendError> {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let provider = LocalProvider::new(scratch.path().join("replicas"));
        let cluster = wharf_testkit::local_cluster();
        let folder = scratch.path().join("clusters").join(cluster.id.to_string());
        assert!(provider.delete(&cluster).await?, "it is not there");
        assert!(provider.create(&cluster).await?);
        assert!(provider.create(&cluster).await?, "again");
        let inside = fs::read_dir(&folder).expect("a folder").count();
        assert_eq!(inside, 0, "the store knows what the cluster is");
        fs::write(folder.join("marker.json"), "{}").expect("hold it");
        assert!(!provider.delete(&cluster).await?);
        fs::remove_file(folder.join("marker.json")).expect("let it go");
        assert!(provider.delete(&cluster).await?);
        assert!(!folder.exists());
        assert!(provider.kubeconfig(&cluster).await?.is_none());
        Ok(())
    }
}
