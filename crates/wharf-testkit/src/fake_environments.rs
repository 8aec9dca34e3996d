//! A builder of environments in memory, for tests of whatever asks for them.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::watch;
use wharf_core::{
    digest::Digest,
    environment::{
        BuildLog, BuiltEnvironment, EnvironmentBuilder, EnvironmentError, EnvironmentSpec,
    },
    finding::Finding,
};

/// How builds of the fake end.
#[derive(Debug, Clone, Default)]
pub enum Build {
    /// Well.
    #[default]
    Ready,
    /// With this error.
    Fail(EnvironmentError),
}

/// The builder. Every build logs `Resolving`, waits while it is held, and logs
/// `Installing`.
#[derive(Debug)]
pub struct FakeEnvironments {
    state: Mutex<State>,
    held: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    build: Build,
    findings: Vec<Finding>,
    notices: Vec<String>,
    begun: usize,
    is_gone: bool,
}

impl Default for FakeEnvironments {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            held: watch::Sender::new(false),
        }
    }
}

impl FakeEnvironments {
    /// A builder whose builds end well at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// How builds end from now on.
    pub fn set_build(&self, build: Build) {
        self.state().build = build;
    }

    /// What [`EnvironmentBuilder::check`] finds from now on.
    pub fn set_findings(&self, findings: Vec<Finding>) {
        self.state().findings = findings;
    }

    /// What built environments note from now on.
    pub fn set_notices(&self, notices: &[&str]) {
        self.state().notices = notices.iter().map(|&notice| notice.to_owned()).collect();
    }

    /// While held, builds stop between their two log lines.
    pub fn hold(&self, is_held: bool) {
        self.held.send_replace(is_held);
    }

    /// While gone, interpreters of earlier builds are not there any more.
    pub fn set_gone(&self, is_gone: bool) {
        self.state().is_gone = is_gone;
    }

    /// How many builds have begun.
    pub fn begun(&self) -> usize {
        self.state().begun
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EnvironmentBuilder for FakeEnvironments {
    fn check(&self, _spec: &EnvironmentSpec) -> Result<(), Vec<Finding>> {
        let findings = self.state().findings.clone();
        if findings.is_empty() {
            Ok(())
        } else {
            Err(findings)
        }
    }

    fn is_there(&self, _python: &Path) -> bool {
        !self.state().is_gone
    }

    async fn build(
        &self,
        spec: &EnvironmentSpec,
        log: &dyn BuildLog,
    ) -> Result<BuiltEnvironment, EnvironmentError> {
        self.state().begun += 1;
        log.line("Resolving");
        // The sender lives as long as `self`.
        let _ = self.held.subscribe().wait_for(|is_held| !is_held).await;
        log.line("Installing");
        let state = self.state();
        if let Build::Fail(error) = &state.build {
            return Err(error.clone());
        }
        let text = serde_json::to_vec(spec)
            .map_err(|error| EnvironmentError::Unavailable(error.to_string()))?;
        Ok(BuiltEnvironment {
            digest: Digest::of(&text).to_string(),
            python: PathBuf::from("/fake/python"),
            python_version: "3.11.7".to_owned(),
            notices: state.notices.clone(),
        })
    }
}
