//! Registered environments: versions that never change, and labels that move.

use serde_json::Value;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    environment::{LATEST, RegisteredEnvironment},
    finding::Finding,
    limits::{LONGEST_NAME, MOST_ENVIRONMENT_LABELS},
    name::EnvironmentName,
    quote::Quoted,
    workspace::{Caller, WorkspacePath},
};
use wharf_store::Session;

use crate::{App, Listed, Page, places::find_workspace};

/// Names of environments that Azure itself keeps.
const CURATED: &str = "AzureML-";

/// Which version of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvironmentVersion<'a> {
    /// The one that was registered last.
    Latest,
    /// This one.
    Exactly(&'a str),
    /// The one that has this label.
    Labelled(&'a str),
}

fn is_curated(name: &str) -> bool {
    name.get(..CURATED.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(CURATED))
}

/// The name in a path. `AzureML-…` is told apart: whoever asks for it expects that it
/// is there.
fn missing(name: &str, version: EnvironmentVersion<'_>) -> Error {
    if is_curated(name) {
        return Error::not_found(Kind::CuratedEnvironment, name);
    }
    Error::not_found(
        Kind::Environment,
        match version {
            EnvironmentVersion::Latest => name.to_owned(),
            EnvironmentVersion::Exactly(version) => format!("{name}:{version}"),
            EnvironmentVersion::Labelled(label) => format!("{name}@{label}"),
        },
    )
}

async fn find(
    session: &mut Session,
    workspace: &Uuid,
    name: &str,
    version: EnvironmentVersion<'_>,
) -> Result<RegisteredEnvironment> {
    let found = match version {
        EnvironmentVersion::Latest => session.environment_latest(workspace, name).await?,
        EnvironmentVersion::Labelled(label) if label.eq_ignore_ascii_case(LATEST) => {
            session.environment_latest(workspace, name).await?
        }
        EnvironmentVersion::Exactly(version) => {
            session.environment_get(workspace, name, version).await?
        }
        EnvironmentVersion::Labelled(label) => {
            session.environment_by_label(workspace, name, label).await?
        }
    };
    found.ok_or_else(|| missing(name, version))
}

/// A version or a label: a short word that fits into a path.
fn check_word(field: &str, word: &str, findings: &mut Vec<Finding>) {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if word.is_empty() || word.len() > LONGEST_NAME || !word.chars().all(is_allowed) {
        findings.push(Finding::new(
            field,
            format!(
                "{} must have 1 to {LONGEST_NAME} characters: letters, digits, hyphens, dots and \
                 underscores",
                Quoted(word)
            ),
        ));
    }
}

impl App {
    /// Registers an environment. Without a version it is the latest one again where
    /// nothing has changed, else the next number. With a version that is there it must
    /// be the same.
    ///
    /// # Errors
    /// [`Error::Invalid`] for name and version, [`Error::Conflict`] for a version that
    /// is there and differs.
    pub async fn environment_register(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        version: Option<&str>,
        document: Value,
    ) -> Result<RegisteredEnvironment> {
        let mut findings = Vec::new();
        let parsed = name.parse::<EnvironmentName>();
        if let Err(error) = &parsed {
            findings.push(Finding::new("name", format!("{} {error}", Quoted(name))));
        }
        if is_curated(name) {
            findings.push(Finding::new(
                "name",
                format!(
                    "`{CURATED}…` is kept for environments of Azure's own; choose another name"
                ),
            ));
        }
        if let Some(version) = version {
            check_word("version", version, &mut findings);
        }
        let (Ok(name), true) = (parsed, findings.is_empty()) else {
            return Err(Error::Invalid(findings));
        };
        let (path, version) = (path.clone(), version.map(str::to_owned));
        let (created_by, now) = (caller.principal.display_name.clone(), self.now());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let workspace = find_workspace(txn, &path).await?.id;
                    let known = match &version {
                        Some(version) => {
                            txn.environment_get(&workspace, name.as_str(), version)
                                .await?
                        }
                        None => txn.environment_latest(&workspace, name.as_str()).await?,
                    };
                    match known {
                        Some(known) if known.document == document => return Ok(known),
                        Some(known) if version.is_some() => {
                            return Err(Error::conflict(
                                Kind::Environment,
                                format!("{name}:{}", known.version),
                                "is there already with other content, and versions never change; \
                                 leave the version out to register the next one",
                            ));
                        }
                        _ => {}
                    }
                    let version = match version {
                        Some(version) => version,
                        None => {
                            let next = txn.environment_next_number(&workspace, name.as_str());
                            next.await?.to_string()
                        }
                    };
                    let environment = RegisteredEnvironment {
                        id: Uuid::new_v4(),
                        workspace,
                        name,
                        version,
                        document,
                        created_by,
                        created_at: now,
                    };
                    txn.environment_insert(&environment).await?;
                    Ok(environment)
                })
            })
            .await
    }

    /// One environment.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn environment_get(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        version: EnvironmentVersion<'_>,
    ) -> Result<RegisteredEnvironment> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        find(&mut session, &workspace.id, name, version).await
    }

    /// The latest version of each environment, by name.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the workspace.
    pub async fn environment_list(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        page: &Page,
    ) -> Result<Listed<RegisteredEnvironment>> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let found = session
            .environment_list(&workspace.id, page.after.as_deref(), page.look_ahead())
            .await?;
        Ok(page.listed(found, |environment| environment.name.to_string()))
    }

    /// Puts labels at a version; each leaves the version where it was.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a label, [`Error::NotFound`] for the version.
    pub async fn environment_label(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        version: &str,
        labels: Vec<String>,
    ) -> Result<()> {
        let mut findings = Vec::new();
        for label in &labels {
            check_word("labels", label, &mut findings);
            if label.eq_ignore_ascii_case(LATEST) {
                findings.push(Finding::new(
                    "labels",
                    format!("`{LATEST}` is always at the version that was registered last"),
                ));
            }
        }
        if !findings.is_empty() {
            return Err(Error::Invalid(findings));
        }
        let (path, name, version) = (path.clone(), name.to_owned(), version.to_owned());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let workspace = find_workspace(txn, &path).await?.id;
                    let version = EnvironmentVersion::Exactly(&version);
                    let environment = find(txn, &workspace, &name, version).await?;
                    for label in &labels {
                        txn.environment_label_put(&environment, label).await?;
                    }
                    let count = txn.environment_label_count(&workspace, &name).await?;
                    if count > MOST_ENVIRONMENT_LABELS as u64 {
                        return Err(Error::invalid(
                            "labels",
                            format!(
                                "the environment would have {count} labels; at most \
                                 {MOST_ENVIRONMENT_LABELS} are allowed"
                            ),
                        ));
                    }
                    Ok(())
                })
            })
            .await
    }
}
