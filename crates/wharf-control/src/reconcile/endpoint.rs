//! Environment, replicas, route: an endpoint on its way to what it should be.
//!
//! The order keeps serving: a new revision starts beside the old one, gets the
//! traffic when all its replicas answer, and only then does the old one go.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;
use wharf_core::{
    backend::{BackendError, Workload},
    compute::Compute,
    deployment::{DeploymentSpec, DeploymentState, DeploymentStatus, WorkloadKey},
    endpoint::{Endpoint, EndpointStatus},
    environment::{BuildLog as _, BuiltEnvironment},
    resource::{Failure, Observed},
    route::RouteTarget,
};
use wharf_store::StoreError;

use super::{
    After, FaultPoint, StepError,
    decide::{LONGEST_ROLLOUT, Rollout, health, rollout, with_log},
    environment::has_environment,
    log::OperationLog,
    patience::Wait,
};
use crate::App;

pub(super) type Result<T> = std::result::Result<T, StepError>;

/// How long to wait for a signal before looking anyway.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// The code of a backend that has no room for a replica.
const UNSCHEDULABLE: &str = "Unschedulable";
/// Lines of a failed replica's log that go into the operation's log.
const FAILURE_LINES: usize = 200;

pub(super) async fn step(app: &App, key: Uuid) -> Result<After> {
    let mut session = app.store().read().await?;
    let Some(endpoint) = session.endpoint_by_id(&key).await? else {
        return Ok(After::Done);
    };
    let open = session.operation_open(&key).await?;
    let Some(compute) = session.compute_by_id(&endpoint.spec.compute).await? else {
        return Err(wharf_core::Error::internal("an endpoint without its compute").into());
    };
    drop(session);
    app.inner.faults.pass(FaultPoint::EndpointBegun)?;
    if endpoint.spec.is_absent {
        return remove(app, &endpoint).await;
    }
    let is_told = has_environment(&open);
    let step = Step {
        app,
        compute: &compute,
        is_told,
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
        let done = match step.deployment(deployment).await {
            Err(error) => step.away(deployment, error).await?,
            Ok(done) => {
                app.inner.patience.end(endpoint.id, Wait::Away);
                done
            }
        };
        if let After::Again(wait) = done {
            after = After::Again(wait);
        }
    }
    Ok(after)
}

async fn remove(app: &App, endpoint: &Endpoint) -> Result<After> {
    let faults = &app.inner.faults;
    app.inner.routes.refresh(app.store(), &endpoint.id).await?;
    faults.pass(FaultPoint::EndpointUnrouted)?;
    for deployment in &endpoint.spec.deployments {
        for key in app.inner.backend.revisions(deployment.id).await? {
            app.inner.backend.remove(&key).await?;
            faults.pass(FaultPoint::EndpointRevisionRemoved)?;
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
    faults.pass(FaultPoint::EndpointForgotten)?;
    for wait in [Wait::Away, Wait::Rollout] {
        app.inner.patience.end(endpoint.id, wait);
    }
    Ok(After::Done)
}

/// One look at one endpoint.
pub(super) struct Step<'a> {
    pub(super) app: &'a App,
    compute: &'a Compute,
    /// The open operations know already that their environment is there.
    pub(super) is_told: bool,
    pub(super) log: OperationLog,
    pub(super) endpoint: &'a Endpoint,
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
        match &self.compute.observed {
            Observed::Reached(_) => {}
            Observed::NotYet => {
                self.wait_for_compute().await?;
                return Ok(After::Again(LOOK_AGAIN));
            }
            // What serves goes on: only an attachment that never was is an end.
            Observed::Failed { .. } if before.serving.is_some() => {}
            Observed::Failed { failure, .. } => {
                let failure = Failure::new(
                    "ComputeFailed",
                    format!(
                        "compute `{}` is not there: {}",
                        self.compute.name, failure.message
                    ),
                );
                return self.fail(deployment, before, failure).await;
            }
        }
        let built = match self.environment(deployment).await? {
            Some(Ok(built)) => built,
            Some(Err(failure)) => return self.fail(deployment, before, failure).await,
            // A newer spec: its own signal has come.
            None => return Ok(After::Done),
        };
        let faults = &self.app.inner.faults;
        faults.pass(FaultPoint::EndpointEnvironmentBuilt)?;
        let ensured = self.ensure(deployment, &key, &built).await;
        let mut status = DeploymentStatus {
            environment: Some(built.digest),
            python: Some(built.python),
            notices: built.notices,
            ..before
        };
        if let Err(BackendError::Refused { code, message }) = ensured {
            let failure = Failure::new(code, message);
            return self.fail(deployment, status, failure).await;
        }
        ensured?;
        faults.pass(FaultPoint::EndpointEnsured)?;
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
        let patience = &self.app.inner.patience;
        let age = patience.age(self.endpoint.id, self.endpoint.generation, Wait::Rollout);
        match rollout(&seen, age) {
            Rollout::Wait => {
                if !self.has_ended() {
                    status.state = DeploymentState::Transitioning;
                    status.failure = None;
                }
                self.write(deployment, status, self.endpoint.status.observed.clone())
                    .await?;
                faults.pass(FaultPoint::EndpointWaiting)?;
                let routes = &self.app.inner.routes;
                routes.refresh(self.app.store(), &self.endpoint.id).await?;
                Ok(After::Again(LOOK_AGAIN))
            }
            Rollout::Serve => {
                patience.end(self.endpoint.id, Wait::Rollout);
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
                let failure = if self.has_ended() {
                    failure
                } else {
                    with_log(failure, &self.log_of_replica(&key).await)
                };
                self.fail(deployment, status, failure).await?;
                // It may still come up, for example when a disk has room again.
                Ok(After::Again(LOOK_AGAIN * 15))
            }
        }
    }

    async fn wait_for_compute(&self) -> Result<()> {
        let patience = &self.app.inner.patience;
        let age = patience.age(self.endpoint.id, self.endpoint.generation, Wait::Rollout);
        if age.is_zero() {
            self.log.line(&format!(
                "Waiting for compute `{}` to be ready",
                self.compute.name
            ));
        }
        Ok(())
    }

    /// What to do when somebody is away: try again, and after half an hour give up,
    /// since a client is waiting for the operation's end.
    async fn away(&self, deployment: &DeploymentSpec, error: StepError) -> Result<After> {
        let why = match &error {
            StepError::Backend(BackendError::Unavailable(why)) => why,
            StepError::Core(wharf_core::Error::Unavailable { inside, .. }) => inside,
            _ => return Err(error),
        };
        if self.has_ended() {
            return Err(error);
        }
        let patience = &self.app.inner.patience;
        let age = patience.age(self.endpoint.id, self.endpoint.generation, Wait::Away);
        if age.is_zero() {
            self.log.line(&format!("{error}: {why}; trying again"));
        }
        if age < LONGEST_ROLLOUT {
            return Err(error);
        }
        let failure = Failure::new(
            "Unavailable",
            format!(
                "{error} for {} minutes: {why}. Mend that and deploy again",
                LONGEST_ROLLOUT.as_secs() / 60
            ),
        );
        self.fail(deployment, self.status_of(deployment), failure)
            .await
    }

    fn status_of(&self, deployment: &DeploymentSpec) -> DeploymentStatus {
        let known = self.endpoint.status.deployments.get(&deployment.id);
        known.cloned().unwrap_or_default()
    }

    pub(super) fn has_ended(&self) -> bool {
        let observed = &self.endpoint.status.observed;
        observed.has_ended(self.endpoint.generation)
    }

    /// Whether this generation ended with an environment that cannot be made: only
    /// a change of the spec helps.
    fn is_beyond_help(&self) -> bool {
        matches!(&self.endpoint.status.observed, Observed::Failed { at, failure }
            if *at >= self.endpoint.generation && failure.code.starts_with("Environment"))
    }

    async fn ensure(
        &self,
        deployment: &DeploymentSpec,
        key: &WorkloadKey,
        built: &BuiltEnvironment,
    ) -> std::result::Result<(), BackendError> {
        let workload = Workload {
            key: key.clone(),
            cluster: self.compute.spec.cluster,
            service_name: self.endpoint.name.to_string(),
            template: deployment.template.clone(),
            scaling: deployment.scaling,
            liveness: deployment.liveness,
            python: built.python.clone(),
            notices: built.notices.clone(),
        };
        self.app.inner.backend.ensure(&workload).await
    }

    /// The last lines of a replica's log, which also go to who waits.
    async fn log_of_replica(&self, key: &WorkloadKey) -> String {
        let logs = self.app.inner.backend.logs(key, FAILURE_LINES).await;
        let text = logs.unwrap_or_default();
        for line in text.lines() {
            self.log.line(line);
        }
        text
    }

    /// Gives the traffic to what `status` says serves, writes that the generation is
    /// reached, and then removes what serves no more.
    async fn reached(
        &self,
        deployment: &DeploymentSpec,
        status: DeploymentStatus,
    ) -> Result<After> {
        let faults = &self.app.inner.faults;
        let is_new_route = self.status_of(deployment).serving != status.serving;
        if is_new_route || !self.has_ended() {
            // The route first: whoever sees the operation's end can score.
            self.write(
                deployment,
                status.clone(),
                self.endpoint.status.observed.clone(),
            )
            .await?;
            faults.pass(FaultPoint::EndpointServingWritten)?;
            let routes = &self.app.inner.routes;
            routes.refresh(self.app.store(), &self.endpoint.id).await?;
            faults.pass(FaultPoint::EndpointRouted)?;
        }
        let serving = status.serving.clone();
        let observed = Observed::Reached(self.endpoint.generation);
        if !self.write(deployment, status, observed).await? {
            return Ok(After::Done);
        }
        faults.pass(FaultPoint::EndpointReachedWritten)?;
        for key in self.app.inner.backend.revisions(deployment.id).await? {
            if serving
                .as_ref()
                .is_none_or(|serving| serving.workload != key)
            {
                self.app.inner.backend.remove(&key).await?;
                faults.pass(FaultPoint::EndpointOldRevisionRemoved)?;
            }
        }
        Ok(After::Done)
    }

    /// This generation cannot be reached, and why; what served before goes on.
    async fn fail(
        &self,
        deployment: &DeploymentSpec,
        mut status: DeploymentStatus,
        failure: Failure,
    ) -> Result<After> {
        status.state = if failure.code == UNSCHEDULABLE {
            DeploymentState::Unschedulable
        } else {
            DeploymentState::Failed
        };
        let observed = if self.has_ended() {
            self.endpoint.status.observed.clone()
        } else {
            self.log.line(&failure.message);
            status.failure = Some(failure.clone());
            Observed::Failed {
                at: self.endpoint.generation,
                failure,
            }
        };
        self.write(deployment, status, observed).await?;
        self.app
            .inner
            .faults
            .pass(FaultPoint::EndpointFailureWritten)?;
        for wait in [Wait::Away, Wait::Rollout] {
            self.app.inner.patience.end(self.endpoint.id, wait);
        }
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
