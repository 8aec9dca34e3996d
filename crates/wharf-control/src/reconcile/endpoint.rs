//! Environment, replicas, route: an endpoint on its way to what it should be.
//!
//! The order keeps serving: a new revision starts beside the old one, gets the
//! traffic when all its replicas answer, and only then does the old one go.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;
use wharf_core::{
    backend::{BackendError, Workload},
    deployment::{DeploymentSpec, DeploymentState, DeploymentStatus, WorkloadKey},
    endpoint::{Endpoint, EndpointStatus},
    environment::{BuildLog as _, BuiltEnvironment, EnvironmentError},
    resource::{Failure, Observed},
    route::RouteTarget,
};
use wharf_store::StoreError;

use super::{
    After, StepError,
    decide::{Rollout, health, rollout},
    fault_point,
    log::OperationLog,
};
use crate::App;

type Result<T> = std::result::Result<T, StepError>;

/// How long to wait for a signal of the backend before looking anyway.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// The words that clients know for what is being done (`subOperationType`).
const BUILD: &str = "BuildEnvironment";
const DEPLOY: &str = "DeployService";
/// Lines of a failed replica's log that go into the operation's log.
const FAILURE_LINES: usize = 200;

pub(super) async fn step(app: &App, key: Uuid) -> Result<After> {
    let mut session = app.store().read().await?;
    let Some(endpoint) = session.endpoint_by_id(&key).await? else {
        return Ok(After::Done);
    };
    let open = session.operation_open(&key).await?;
    let namespace = session.compute_by_id(&endpoint.spec.compute).await?;
    let Some(compute) = namespace else {
        return Err(wharf_core::Error::internal("an endpoint without its compute").into());
    };
    drop(session);
    if endpoint.spec.is_absent {
        return remove(app, &endpoint).await;
    }
    let step = Step {
        app,
        cluster: compute.spec.cluster,
        log: OperationLog {
            clock: Arc::clone(&app.inner.clock),
            logs: app.inner.logs.clone(),
            operations: open.into_iter().map(|operation| operation.id).collect(),
        },
        endpoint: &endpoint,
    };
    let mut after = After::Done;
    for deployment in &endpoint.spec.deployments {
        app.inner.endpoints.own(deployment.id, endpoint.id);
        if let After::Again(wait) = step.deployment(deployment).await? {
            after = After::Again(wait);
        }
    }
    Ok(after)
}

async fn remove(app: &App, endpoint: &Endpoint) -> Result<After> {
    fault_point!("endpoint-remove-begun");
    app.inner.routes.refresh(app.store(), &endpoint.id).await?;
    for deployment in &endpoint.spec.deployments {
        for key in app.inner.backend.revisions(deployment.id).await? {
            app.inner.backend.remove(&key).await?;
            fault_point!("endpoint-revision-removed");
        }
        app.inner.endpoints.disown(&deployment.id);
    }
    let (key, generation, now) = (endpoint.id, endpoint.generation, app.now());
    app.store()
        .write::<_, StoreError, _>(move |txn| {
            Box::pin(async move {
                txn.endpoint_delete(&key).await?;
                txn.operation_settle(&key, &Observed::Reached(generation), now)
                    .await
            })
        })
        .await?;
    Ok(After::Done)
}

/// One look at one endpoint.
struct Step<'a> {
    app: &'a App,
    cluster: Uuid,
    log: OperationLog,
    endpoint: &'a Endpoint,
}

impl Step<'_> {
    async fn deployment(&self, deployment: &DeploymentSpec) -> Result<After> {
        let before = self.status_of(deployment);
        let key = WorkloadKey {
            deployment: deployment.id,
            revision: deployment.template.revision(),
        };
        if self.is_beyond_help() {
            return Ok(After::Done);
        }
        let built = match self.environment(deployment).await? {
            Ok(built) => built,
            Err(failure) => {
                self.log.line(&failure.message);
                let status = DeploymentStatus {
                    state: DeploymentState::Failed,
                    failure: Some(failure.clone()),
                    ..before
                };
                return self.fail(deployment, status, failure).await;
            }
        };
        fault_point!("endpoint-environment-built");
        let ensured = self.ensure(deployment, &key, &built).await;
        fault_point!("endpoint-ensured");
        let mut status = DeploymentStatus {
            environment: Some(built.digest),
            python: Some(built.python),
            notices: built.notices,
            ..before
        };
        if let Err(BackendError::Refused { code, message }) = ensured {
            let failure = Failure::new(code, message);
            self.log.line(&failure.message);
            status.state = DeploymentState::Failed;
            status.failure = Some(failure.clone());
            return self.fail(deployment, status, failure).await;
        }
        ensured?;
        let Some(seen) = self.app.inner.backend.observe(&key).await? else {
            return Ok(After::Again(LOOK_AGAIN));
        };
        status.ready = seen.ready();
        status.wanted = seen.wanted;
        let target = target(deployment, &key);
        let is_serving = status
            .serving
            .as_ref()
            .is_some_and(|serving| serving.workload == key);
        if is_serving {
            // A change of scaling or waiting alone applies to what serves.
            status.serving = Some(target.clone());
            if self.has_ended() {
                (status.state, status.failure) = health(&seen);
                return self.reached(deployment, status).await;
            }
        }
        let age = self.app.now().duration_since(self.endpoint.modified_at);
        match rollout(&seen, age.unsigned_abs()) {
            Rollout::Wait => {
                if !self.has_ended() {
                    status.state = DeploymentState::Transitioning;
                    status.failure = None;
                }
                self.write(deployment, status, self.endpoint.status.observed.clone())
                    .await?;
                let routes = &self.app.inner.routes;
                routes.refresh(self.app.store(), &self.endpoint.id).await?;
                Ok(After::Again(LOOK_AGAIN))
            }
            Rollout::Serve => {
                self.log.line(&format!(
                    "{} of {} replicas are ready; the service is healthy",
                    seen.ready(),
                    seen.wanted
                ));
                status.state = DeploymentState::Healthy;
                status.failure = None;
                status.serving = Some(target);
                self.reached(deployment, status).await
            }
            Rollout::Fail(failure) => {
                if !self.has_ended() {
                    self.log.line(&failure.message);
                    self.log_of_replica(&key).await;
                }
                status.state = DeploymentState::Failed;
                status.failure = Some(failure.clone());
                self.fail(deployment, status, failure).await?;
                // It may still come up, for example when a disk has room again.
                Ok(After::Again(LOOK_AGAIN * 15))
            }
        }
    }

    fn status_of(&self, deployment: &DeploymentSpec) -> DeploymentStatus {
        let known = self.endpoint.status.deployments.get(&deployment.id);
        known.cloned().unwrap_or_default()
    }

    fn has_ended(&self) -> bool {
        let observed = &self.endpoint.status.observed;
        observed.has_ended(self.endpoint.generation)
    }

    /// Whether this generation ended with an environment that cannot be made: only
    /// a change of the spec helps.
    fn is_beyond_help(&self) -> bool {
        matches!(&self.endpoint.status.observed, Observed::Failed { at, failure }
            if *at >= self.endpoint.generation && failure.code.starts_with("Environment"))
    }

    async fn environment(
        &self,
        deployment: &DeploymentSpec,
    ) -> Result<std::result::Result<BuiltEnvironment, Failure>> {
        self.say(BUILD).await?;
        let spec = &deployment.template.environment;
        let failure = match self.app.inner.environments.build(spec, &self.log).await {
            Ok(built) => {
                for notice in &built.notices {
                    self.log.line(notice);
                }
                self.log.line(&format!(
                    "Environment ready: Python {}",
                    built.python_version
                ));
                self.say(DEPLOY).await?;
                return Ok(Ok(built));
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
        Ok(Err(failure))
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

    async fn ensure(
        &self,
        deployment: &DeploymentSpec,
        key: &WorkloadKey,
        built: &BuiltEnvironment,
    ) -> std::result::Result<(), BackendError> {
        let workload = Workload {
            key: key.clone(),
            cluster: self.cluster,
            service_name: self.endpoint.name.to_string(),
            template: deployment.template.clone(),
            scaling: deployment.scaling,
            liveness: deployment.liveness,
            python: built.python.clone(),
            notices: built.notices.clone(),
        };
        self.app.inner.backend.ensure(&workload).await
    }

    async fn log_of_replica(&self, key: &WorkloadKey) {
        if let Ok(text) = self.app.inner.backend.logs(key, FAILURE_LINES).await {
            for line in text.lines() {
                self.log.line(line);
            }
        }
    }

    /// Gives the traffic to what `status` says serves, writes that the generation is
    /// reached, and then removes what serves no more.
    async fn reached(
        &self,
        deployment: &DeploymentSpec,
        status: DeploymentStatus,
    ) -> Result<After> {
        let is_new_route = self.status_of(deployment).serving != status.serving;
        if is_new_route || !self.has_ended() {
            // The route first: whoever sees the operation's end can score.
            self.write(
                deployment,
                status.clone(),
                self.endpoint.status.observed.clone(),
            )
            .await?;
            fault_point!("endpoint-serving-written");
            let routes = &self.app.inner.routes;
            routes.refresh(self.app.store(), &self.endpoint.id).await?;
            fault_point!("endpoint-routed");
        }
        let serving = status.serving.clone();
        let observed = Observed::Reached(self.endpoint.generation);
        if !self.write(deployment, status, observed).await? {
            return Ok(After::Done);
        }
        fault_point!("endpoint-reached-written");
        for key in self.app.inner.backend.revisions(deployment.id).await? {
            if serving
                .as_ref()
                .is_none_or(|serving| serving.workload != key)
            {
                self.app.inner.backend.remove(&key).await?;
                fault_point!("endpoint-old-revision-removed");
            }
        }
        Ok(After::Done)
    }

    async fn fail(
        &self,
        deployment: &DeploymentSpec,
        status: DeploymentStatus,
        failure: Failure,
    ) -> Result<After> {
        let observed = Observed::Failed {
            at: self.endpoint.generation,
            failure,
        };
        self.write(deployment, status, observed).await?;
        // Authentication and keys apply although the new revision does not serve.
        let routes = &self.app.inner.routes;
        routes.refresh(self.app.store(), &self.endpoint.id).await?;
        Ok(After::Done)
    }

    /// Writes the status if it differs; false when the spec is newer by now.
    async fn write(
        &self,
        deployment: &DeploymentSpec,
        status: DeploymentStatus,
        observed: Observed,
    ) -> Result<bool> {
        let mut whole = EndpointStatus {
            observed,
            deployments: self.endpoint.status.deployments.clone(),
        };
        whole
            .deployments
            .retain(|id, _| self.endpoint.spec.deployments.iter().any(|it| it.id == *id));
        whole.deployments.insert(deployment.id, status);
        if whole == self.endpoint.status {
            return Ok(true);
        }
        let (key, generation, now) = (self.endpoint.id, self.endpoint.generation, self.app.now());
        Ok(self
            .app
            .store()
            .write::<_, StoreError, _>(move |txn| {
                Box::pin(async move {
                    txn.endpoint_write_status(&key, generation, &whole, now)
                        .await
                })
            })
            .await?)
    }
}

fn target(deployment: &DeploymentSpec, key: &WorkloadKey) -> RouteTarget {
    RouteTarget {
        workload: key.clone(),
        weight: deployment.weight,
        concurrency: deployment.template.concurrency,
        scoring_timeout: deployment.template.scoring_timeout,
        max_wait: deployment.max_wait,
        scaling: deployment.scaling,
    }
}
