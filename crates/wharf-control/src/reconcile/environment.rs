//! The environment of a deployment: recorded, being built, or refused.

use std::sync::Arc;

use wharf_core::{
    deployment::{DeploymentSpec, DeploymentStatus},
    environment::{BuildLog as _, BuiltEnvironment, EnvironmentError},
    operation::Operation,
    resource::Failure,
};
use wharf_store::StoreError;

use super::endpoint::{Result, Step};

/// The words that clients know for what is being done (`subOperationType`).
pub(super) const BUILD: &str = "BuildEnvironment";
pub(super) const DEPLOY: &str = "DeployService";

/// Whether every open operation went past its environment in an earlier look.
pub(super) fn has_environment(open: &[Operation]) -> bool {
    open.iter()
        .all(|operation| operation.step.as_deref() == Some(DEPLOY))
}

/// Whether every open operation knows that an environment is being built.
pub(super) fn is_building(open: &[Operation]) -> bool {
    open.iter()
        .all(|operation| operation.step.as_deref() == Some(BUILD))
}

/// Where a deployment's environment stands.
pub(super) enum Environment {
    /// It is there.
    Ready(BuiltEnvironment),
    /// It is being made; the end wakes the endpoint.
    Building,
    /// It cannot be made.
    Failed(Failure),
}

/// What an earlier look wrote down of the environment of what serves.
fn recorded(status: &DeploymentStatus) -> Option<BuiltEnvironment> {
    Some(BuiltEnvironment {
        digest: status.environment.clone()?,
        python: status.python.clone()?,
        // Said when it was built, and not needed since.
        python_version: String::new(),
        notices: status.notices.clone(),
    })
}

impl Step<'_> {
    /// The environment of `deployment`. What serves keeps the one it has as long as
    /// that is there: what the builder would make today is another question.
    pub(super) async fn environment(
        &self,
        deployment: &DeploymentSpec,
        serving: Option<&DeploymentStatus>,
    ) -> Result<Environment> {
        let is_there =
            |built: &BuiltEnvironment| self.app.inner.environments.is_there(&built.python);
        if let Some(built) = serving.and_then(recorded).filter(is_there) {
            return Ok(Environment::Ready(built));
        }
        let (key, asked_at) = (deployment.id, deployment.asked_at);
        let (builds, progress) = (&self.app.inner.builds, &self.app.inner.progress);
        let built = progress.built(key, asked_at);
        if let Some(built) = built.filter(is_there) {
            return Ok(Environment::Ready(built));
        }
        // A build takes minutes, and nobody wants that of an older spec any more.
        builds.cancel(|(of, at)| *of == key && *at != asked_at);
        match builds.take_ended(|(of, _)| *of == key).pop() {
            Some(outcome) => self.built(deployment, outcome?),
            None => Ok(self.build(deployment)),
        }
    }

    fn build(&self, deployment: &DeploymentSpec) -> Environment {
        let endpoint = self.endpoint.id;
        let (builder, log) = (Arc::clone(&self.app.inner.environments), self.log.clone());
        let spec = deployment.template.environment.clone();
        let app = self.app.clone();
        self.app.inner.builds.begin(
            (deployment.id, deployment.asked_at),
            async move { builder.build(&spec, &log).await },
            move || app.inner.endpoints.wake(endpoint),
        );
        Environment::Building
    }

    fn built(
        &self,
        deployment: &DeploymentSpec,
        outcome: std::result::Result<BuiltEnvironment, EnvironmentError>,
    ) -> Result<Environment> {
        let failure = match outcome {
            Ok(built) => {
                let progress = &self.app.inner.progress;
                progress.set_built(deployment.id, deployment.asked_at, &built);
                if self.is_told {
                    return Ok(Environment::Ready(built));
                }
                for notice in &built.notices {
                    self.log.line(notice);
                }
                self.log.line(&format!(
                    "Environment ready: Python {}",
                    built.python_version
                ));
                return Ok(Environment::Ready(built));
            }
            Err(EnvironmentError::Refused(details)) => Failure {
                details: details.clone(),
                ..Failure::new(
                    "EnvironmentRefused",
                    wharf_core::finding::Findings(&details).to_string(),
                )
            },
            Err(EnvironmentError::Failed { step, message }) => Failure::new(
                "EnvironmentBuildFailed",
                format!("the environment could not be built ({step}): {message}"),
            ),
            Err(EnvironmentError::Unavailable(inside)) => {
                return Err(wharf_core::Error::Unavailable {
                    what: "the environment builder",
                    inside,
                }
                .into());
            }
        };
        Ok(Environment::Failed(failure))
    }

    /// Names the step on the open operations, for clients that poll.
    pub(super) async fn say(&self, step: &'static str) -> Result<()> {
        if self.log.operations.is_empty() {
            return Ok(());
        }
        let key = self.endpoint.id;
        self.app
            .store()
            .write::<_, StoreError, _>(move |txn| {
                Box::pin(async move { txn.operation_step(&key, step).await })
            })
            .await?;
        Ok(())
    }
}
