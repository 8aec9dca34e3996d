//! Use cases that read computes.

use std::sync::Arc;

use wharf_core::{
    Error, Kind, Result,
    compute::{Compute, ComputeKind},
    finding::Finding,
    operation::{Operation, TargetKind, Verb},
    workspace::{Caller, Workspace, WorkspacePath},
};
use wharf_store::Session;

use crate::{App, Listed, Page, cache::ReadCache, places::find_workspace};

type Found = (Workspace, Compute);

/// Computes as they were last read: what polling clients ask for most.
pub(crate) type ComputeReads = ReadCache<(WorkspacePath, String), Found>;

impl App {
    /// One compute with its workspace.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn compute_get(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<(Workspace, Compute)> {
        let version = self.store().version();
        let key = (path.clone(), name.to_owned());
        if let Some(version) = version
            && let Some(known) = self.inner.compute_reads.get(version, &key)
        {
            return Ok(Found::clone(&known));
        }
        let mut session = self.store().read().await?;
        let found = find_compute(&mut session, path, name).await?;
        if let Some(version) = version {
            let known = Arc::new(found.clone());
            self.inner.compute_reads.put(version, key, known);
        }
        Ok(found)
    }

    /// What should be known by whoever waits for an operation on a compute that is
    /// there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn compute_warnings(&self, operation: &Operation) -> Result<Vec<Finding>> {
        if operation.target_kind != TargetKind::Compute || operation.verb == Verb::Delete {
            return Ok(Vec::new());
        }
        let mut session = self.store().read().await?;
        let compute = session.compute_by_id(&operation.target).await?;
        Ok(compute.map_or_else(Vec::new, |compute| compute.spec.warnings))
    }

    /// The computes of a workspace, or those of one type, by name.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn compute_list(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        kind: Option<ComputeKind>,
        page: &Page,
    ) -> Result<Listed<Compute>> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let (after, limit) = (page.after.as_deref(), page.look_ahead());
        let found = match kind {
            None => session.compute_list(&workspace.id, after, limit).await?,
            Some(kind) => {
                session
                    .compute_list_of(&workspace.id, kind, after, limit)
                    .await?
            }
        };
        Ok(page.listed(found, |compute| compute.name.key()))
    }
}

pub(crate) async fn find_compute(
    session: &mut Session,
    path: &WorkspacePath,
    name: &str,
) -> Result<(Workspace, Compute)> {
    let workspace = find_workspace(session, path).await?;
    match session.compute_get(&workspace.id, name).await? {
        Some(compute) => Ok((workspace, compute)),
        None => Err(Error::not_found(Kind::Compute, name)),
    }
}
