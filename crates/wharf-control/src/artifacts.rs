//! Uploaded files as callers see them.

use wharf_core::{
    Result,
    model::{Artifact, ArtifactPath},
    workspace::{Caller, Workspace, WorkspacePath},
};

use crate::{App, Listed, Page};

impl App {
    /// Announces uploads; announcing one again is fine. Answers in the same order.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn artifact_reserve(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        artifacts: &[ArtifactPath],
    ) -> Result<(Workspace, Vec<Artifact>)> {
        let _ = (caller, path, artifacts);
        todo!()
    }

    /// One artifact that was uploaded.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`], also while it is only announced.
    pub async fn artifact_get(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        artifact: &ArtifactPath,
    ) -> Result<(Workspace, Artifact)> {
        let _ = (caller, path, artifact);
        todo!()
    }

    /// Uploaded artifacts whose `origin/container/path` is `prefix` or begins with
    /// `prefix` and a `/`.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn artifact_list(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        prefix: &str,
        page: &Page,
    ) -> Result<(Workspace, Listed<Artifact>)> {
        let _ = (caller, path, prefix, page);
        todo!()
    }
}
