//! Uploaded files as callers see them.

use wharf_core::{
    Error, Kind, Result,
    model::{Artifact, ArtifactPath},
    workspace::{Caller, Workspace, WorkspacePath},
};

use crate::{App, Listed, Page, models::MOST_FILES, places::find_workspace};

impl App {
    /// Announces uploads; announcing one again is fine. Answers in the same order.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace;
    /// [`wharf_core::Error::Invalid`] for more than 10,000 at once.
    pub async fn artifact_reserve(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        artifacts: &[ArtifactPath],
    ) -> Result<(Workspace, Vec<Artifact>)> {
        if artifacts.len() > MOST_FILES as usize {
            return Err(Error::invalid(
                "paths",
                format!(
                    "has {} entries; at most {MOST_FILES} are allowed at once",
                    artifacts.len()
                ),
            ));
        }
        let path = path.clone();
        let artifacts = artifacts.to_vec();
        let now = self.now();
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let workspace = find_workspace(txn, &path).await?;
                    let mut reserved = Vec::with_capacity(artifacts.len());
                    for artifact in &artifacts {
                        reserved.push(txn.artifact_reserve(&workspace.id, artifact, now).await?);
                    }
                    Ok((workspace, reserved))
                })
            })
            .await
    }

    /// One artifact that was uploaded.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`], also while it is only announced.
    pub async fn artifact_get(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        artifact: &ArtifactPath,
    ) -> Result<(Workspace, Artifact)> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let found = session.artifact_get(&workspace.id, artifact).await?;
        match found.filter(|found| found.content.is_some()) {
            Some(found) => Ok((workspace, found)),
            None => Err(Error::not_found(Kind::Artifact, artifact.to_string())),
        }
    }

    /// Uploaded artifacts whose `origin/container/path` is `prefix` or begins with
    /// `prefix` and a `/`.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn artifact_list(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        prefix: &str,
        page: &Page,
    ) -> Result<(Workspace, Listed<Artifact>)> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let found = session
            .artifact_list(
                &workspace.id,
                prefix.trim_end_matches('/'),
                page.after.as_deref(),
                page.look_ahead(),
            )
            .await?;
        Ok((
            workspace,
            page.listed(found, |artifact| artifact.path.to_string()),
        ))
    }
}
