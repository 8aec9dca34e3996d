//! The environment of a deployment on its way: built, refused, or no longer wanted.

use wharf_core::{
    deployment::DeploymentSpec,
    environment::{BuildLog as _, BuiltEnvironment, EnvironmentError},
    operation::Operation,
    resource::Failure,
};
use wharf_store::StoreError;

use super::endpoint::{Result, Step};

/// The words that clients know for what is being done (`subOperationType`).
const BUILD: &str = "BuildEnvironment";
const DEPLOY: &str = "DeployService";

/// Whether every open operation went past its environment in an earlier look.
pub(super) fn has_environment(open: &[Operation]) -> bool {
    open.iter()
        .all(|operation| operation.step.as_deref() == Some(DEPLOY))
}

impl Step<'_> {
    /// Makes the environment; `None` when a newer spec came meanwhile, since a build
    /// takes minutes and nobody wants this one any more.
    pub(super) async fn environment(
        &self,
        deployment: &DeploymentSpec,
    ) -> Result<Option<std::result::Result<BuiltEnvironment, Failure>>> {
        if !self.is_told {
            self.say(BUILD).await?;
        }
        let spec = &deployment.template.environment;
        let built = tokio::select! {
            built = self.app.inner.environments.build(spec, &self.log) => built,
            overtaken = self.overtaken() => return overtaken.map(|()| None),
        };
        let failure = match built {
            Ok(built) if self.is_told => return Ok(Some(Ok(built))),
            Ok(built) => {
                for notice in &built.notices {
                    self.log.line(notice);
                }
                self.log.line(&format!(
                    "Environment ready: Python {}",
                    built.python_version
                ));
                self.say(DEPLOY).await?;
                return Ok(Some(Ok(built)));
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
        Ok(Some(Err(failure)))
    }

    /// Returns when the endpoint has a newer spec than the one at hand.
    async fn overtaken(&self) -> Result<()> {
        let follower = self.app.inner.endpoints.follow(self.endpoint.id);
        loop {
            let mut session = self.app.store().read().await?;
            let newest = session.endpoint_generation(&self.endpoint.id).await?;
            drop(session);
            if newest != Some(self.endpoint.generation) {
                return Ok(());
            }
            follower.woken().await;
        }
    }

    /// Names the step on the open operations, for clients that poll.
    async fn say(&self, step: &'static str) -> Result<()> {
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
