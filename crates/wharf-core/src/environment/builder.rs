//! What turns a [`EnvironmentSpec`] into an interpreter with packages.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::EnvironmentSpec;
use crate::finding::Finding;

/// Takes the lines of a build as they come.
pub trait BuildLog: Send + Sync {
    /// One line, without its line end.
    fn line(&self, text: &str);
}

/// An environment that is ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltEnvironment {
    /// Names it by its content; equal for equal packages and interpreters.
    pub digest: String,
    /// Its interpreter.
    pub python: PathBuf,
    /// That interpreter's version, for example `3.11.7`.
    pub python_version: String,
    /// What a person should know: Python relaxed, packages mapped or dropped.
    pub notices: Vec<String>,
}

/// Why an environment could not be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EnvironmentError {
    /// It can never be made here as it is asked for.
    #[error("{}", crate::finding::Findings(.0))]
    Refused(Vec<Finding>),
    /// A step of the build failed; the log has the rest.
    #[error("{step}: {message}")]
    Failed {
        /// Which step, for example `resolve`.
        step: &'static str,
        /// The last line that says why, and what to do.
        message: String,
    },
    /// May work later.
    #[error("{0}")]
    Unavailable(String),
}

/// Makes environments. Making the same one again is cheap.
#[async_trait]
pub trait EnvironmentBuilder: Send + Sync {
    /// Checks what can be told without building anything: everything that cannot
    /// be mapped is named at once.
    ///
    /// # Errors
    /// All findings; fields are relative to the environment, for example
    /// `python.condaDependencies`.
    fn check(&self, spec: &EnvironmentSpec) -> Result<(), Vec<Finding>>;

    /// Whether an interpreter that an earlier build gave is still there.
    fn is_there(&self, python: &Path) -> bool;

    /// Makes the environment, or finds it made.
    ///
    /// # Errors
    /// [`EnvironmentError::Refused`] as [`EnvironmentBuilder::check`] does, and
    /// what the deeds bring.
    async fn build(
        &self,
        spec: &EnvironmentSpec,
        log: &dyn BuildLog,
    ) -> Result<BuiltEnvironment, EnvironmentError>;
}
