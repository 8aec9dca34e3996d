//! Computes: create, attach, update, read, delete, detach.

use wharf_core::{
    Result, Secret,
    compute::{Compute, ComputeRequest, Removal},
    operation::OperationId,
    workspace::{Caller, Workspace, WorkspacePath},
};

use crate::{App, Listed, Page, Written};

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
    /// Creates, attaches or updates the compute `name`.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] with every broken rule,
    /// [`wharf_core::Error::Conflict`] when the name or the cluster is taken or the
    /// compute is going.
    pub async fn compute_put(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        request: ComputeRequest,
    ) -> Result<Written<Compute>> {
        let _ = (caller, path, name, request);
        todo!()
    }

    /// One compute with its workspace, by one look-up.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn compute_get(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<(Workspace, Compute)> {
        let _ = (caller, path, name);
        todo!()
    }

    /// The computes of a workspace, by name.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn compute_list(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        page: &Page,
    ) -> Result<Listed<Compute>> {
        let _ = (caller, path, page);
        todo!()
    }

    /// Deletes or detaches. `None` when there is no such compute (ARM answers 204).
    ///
    /// # Errors
    /// [`wharf_core::Error::Conflict`] when an attached compute is to be deleted, or
    /// services still run on it (they are named).
    pub async fn compute_remove(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        removal: Removal,
    ) -> Result<Option<OperationId>> {
        let _ = (caller, path, name, removal);
        todo!()
    }

    /// Credentials of the compute's cluster.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn compute_credentials(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Credentials> {
        let _ = (caller, path, name);
        todo!()
    }
}
