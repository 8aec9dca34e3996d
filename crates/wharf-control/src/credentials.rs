//! What opens the cluster of a compute.

use wharf_core::{
    Result, Secret,
    workspace::{Caller, WorkspacePath},
};

use crate::{App, computes::find_compute};

/// What `listKeys` of a compute gives.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// A user's kubeconfig; `None` where the cluster has none, as locally.
    pub user_kubeconfig: Option<Secret>,
    /// An administrator's kubeconfig, likewise.
    pub admin_kubeconfig: Option<Secret>,
    /// Name of the secret that pulls images.
    pub image_pull_secret_name: String,
}

impl App {
    /// Credentials of the compute's cluster.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn compute_credentials(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Credentials> {
        let mut session = self.store().read().await?;
        let (_, compute) = find_compute(&mut session, path, name).await?;
        let kubeconfig = session
            .managed_cluster_kubeconfig(&compute.spec.cluster)
            .await?;
        Ok(Credentials {
            user_kubeconfig: kubeconfig.clone(),
            admin_kubeconfig: kubeconfig,
            image_pull_secret_name: String::new(),
        })
    }
}
