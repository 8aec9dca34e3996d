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
    decide::{Rollout, health, last_attempt, rollout, sentence, with_log},
    environment::{Environment, has_environment},
    give_up::{caught, is_stop, judge, reason},
    log::OperationLog,
    patience::Wait,
    progress::Counts,
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
    let compute = session.compute_by_id(&endpoint.spec.compute).await?;
    drop(session);
    let is_told = has_environment(&open);
    let log = OperationLog {
        clock: Arc::clone(&app.inner.clock),
        logs: app.inner.logs.clone(),
        operations: open.into_iter().map(|operation| operation.id).collect(),
    };
    let step = Step {
        app,
        is_told,
        log,
        endpoint: &endpoint,
    };
    match caught(step.look(compute)).await {
        Ok(After::Begun) => Ok(After::Begun),
        Ok(after) => {
            app.inner.patience.end(key, Wait::Away);
            Ok(after)
        }
        Err(error) => step.away(error).await,
    }
}

/// One look at one endpoint.
pub(super) struct Step<'a> {
    pub(super) app: &'a App,
    /// The open operations know already that their environment is there.
    pub(super) is_told: bool,
    pub(super) log: OperationLog,
    pub(super) endpoint: &'a Endpoint,
}

impl Step<'_> {
    async fn look(&self, compute: Option<Compute>) -> Result<After> {
        self.app.inner.faults.pass(FaultPoint::EndpointBegun)?;
        // What routers have may be older than the keys: whoever wrote those may have
        // had no answer from the store.
        self.refresh_route().await?;
        if self.endpoint.spec.is_absent {
            return self.remove().await;
        }
        let missing = || wharf_core::Error::internal("an endpoint without its compute");
        let compute = compute.ok_or_else(missing)?;
        // One status and one decision: several deployments need a rule for the state
        // of them all, and v1 services have one.
        let [deployment] = &self.endpoint.spec.deployments[..] else {
            let count = self.endpoint.spec.deployments.len();
            let what = format!("an endpoint with {count} deployments, where one is supported");
            return Err(wharf_core::Error::internal(what).into());
        };
        let endpoints = &self.app.inner.endpoints;
        endpoints.own(deployment.id, self.endpoint.id);
        self.deployment(deployment, &compute).await
    }

    async fn refresh_route(&self) -> Result<()> {
        let routes = &self.app.inner.routes;
        Ok(routes.refresh(self.app.store(), &self.endpoint.id).await?)
    }

    async fn deployment(&self, deployment: &DeploymentSpec, compute: &Compute) -> Result<After> {
        let before = self.status_of(deployment);
        let key = key_of(deployment);
        let is_serving = serves(&before, &key);
        if !is_serving && self.is_beyond_help() {
            return Ok(After::Done);
        }
        match &compute.observed {
            Observed::Reached(_) => {}
            Observed::NotYet | Observed::Gone(_) => {
                self.wait_for_compute(compute);
                return Ok(After::Again(LOOK_AGAIN));
            }
            // What serves goes on: only an attachment that never was is an end.
            Observed::Failed { .. } if before.serving.is_some() => {}
            Observed::Failed { failure, .. } => {
                let failure = Failure::new(
                    "ComputeFailed",
                    format!(
                        "compute `{}` is not there: {}",
                        compute.name, failure.message
                    ),
                );
                return self.fail(deployment, before, failure).await;
            }
        }
        if self.app.inner.removals.has(&key) {
            // It went as an old revision and is wanted again: first to the end.
            self.removal_errors(deployment)?;
            return Ok(After::Again(LOOK_AGAIN));
        }
        let built = match self
            .environment(deployment, is_serving.then_some(&before))
            .await?
        {
            Environment::Ready(built) => built,
            Environment::Building => return Ok(After::Begun),
            Environment::Failed(failure) => return self.fail(deployment, before, failure).await,
        };
        let faults = &self.app.inner.faults;
        faults.pass(FaultPoint::EndpointEnvironmentBuilt)?;
        let restarts = if is_serving {
            None
        } else {
            Some(self.restarts_before(&key).await?)
        };
        let ensured = self.ensure(deployment, compute, &key, &built).await;
        let mut status = before;
        if is_serving || status.serving.is_none() {
            record(&mut status, &built);
        }
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
        if is_serving {
            // A change of scaling or waiting alone applies to what serves.
            status.serving = Some(target.clone());
            if self.has_ended() {
                (status.state, status.failure) = health(&seen);
                let observed = &self.endpoint.status.observed;
                if let Observed::Failed { failure, .. } = observed
                    && seen.ready() < seen.wanted
                {
                    status.failure = status.failure.or_else(|| Some(failure.clone()));
                    self.write(deployment, status, observed.clone()).await?;
                    return Ok(After::Again(LOOK_AGAIN * 15));
                }
                return self.reached(deployment, status).await;
            }
        }
        let patience = &self.app.inner.patience;
        let age = patience.age(self.endpoint.id, self.endpoint.generation, Wait::Rollout);
        match rollout(&seen, age, restarts.as_ref()) {
            Rollout::Wait => {
                if !self.has_ended() {
                    status.state = DeploymentState::Transitioning;
                    status.failure = None;
                }
                self.write(deployment, status, self.endpoint.status.observed.clone())
                    .await?;
                faults.pass(FaultPoint::EndpointWaiting)?;
                self.refresh_route().await?;
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
                record(&mut status, &built);
                self.reached(deployment, status).await
            }
            Rollout::Fail(failure) => {
                let failure = if self.has_ended() {
                    failure
                } else {
                    let log = self.log_of_replica(&key, &failure).await;
                    with_log(failure, &log)
                };
                self.fail(deployment, status, failure).await?;
                // It may still come up, for example when a disk has room again.
                Ok(After::Again(LOOK_AGAIN * 15))
            }
        }
    }

    /// What replicas of a revision on its way had behind them before this change.
    async fn restarts_before(&self, key: &WorkloadKey) -> Result<Counts> {
        let (endpoint, generation) = (self.endpoint.id, self.endpoint.generation);
        let progress = &self.app.inner.progress;
        if let Some(known) = progress.restarts(endpoint, generation) {
            return Ok(known);
        }
        // An earlier process began this generation: what is there came with it.
        let seen = if self.is_told {
            None
        } else {
            self.app.inner.backend.observe(key).await?
        };
        Ok(progress.set_restarts(endpoint, generation, seen.as_ref()))
    }

    fn wait_for_compute(&self, compute: &Compute) {
        let patience = &self.app.inner.patience;
        let age = patience.age(self.endpoint.id, self.endpoint.generation, Wait::Rollout);
        if age.is_zero() {
            self.log.line(&format!(
                "Waiting for compute `{}` to be ready",
                compute.name
            ));
        }
    }

    /// After an error: try again, and end the operation when that has lasted too
    /// long. What serves stays as it is.
    async fn away(&self, error: StepError) -> Result<After> {
        if is_stop(&error) || self.has_ended() {
            return Err(error);
        }
        let verdict = judge(self.app, self.endpoint.id, self.endpoint.generation, &error);
        if verdict.is_first {
            self.log.line(&format!("{}; trying again", reason(&error)));
        }
        if let Some(failure) = verdict.failure {
            self.log.line(&failure.message);
            let mut status = self.endpoint.status.clone();
            for deployment in &self.endpoint.spec.deployments {
                let it = status.deployments.entry(deployment.id).or_default();
                if !serves(it, &key_of(deployment)) {
                    it.state = DeploymentState::Failed;
                }
                it.failure = Some(failure.clone());
            }
            let at = self.endpoint.generation;
            status.observed = Observed::Failed { at, failure };
            self.write_whole(status).await?;
        }
        Err(error)
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
        compute: &Compute,
        key: &WorkloadKey,
        built: &BuiltEnvironment,
    ) -> std::result::Result<(), BackendError> {
        let workload = Workload {
            key: key.clone(),
            cluster: compute.spec.cluster,
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
    async fn log_of_replica(&self, key: &WorkloadKey, failure: &Failure) -> Vec<String> {
        let logs = self.app.inner.backend.logs(key, FAILURE_LINES).await;
        let lines = last_attempt(failure, &logs.unwrap_or_default());
        for line in &lines {
            self.log.line(line);
        }
        lines
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
            self.refresh_route().await?;
            faults.pass(FaultPoint::EndpointRouted)?;
        }
        let serving = status.serving.clone();
        let observed = Observed::Reached(self.endpoint.generation);
        if !self.write(deployment, status, observed).await? {
            return Ok(After::Done);
        }
        faults.pass(FaultPoint::EndpointReachedWritten)?;
        self.app.inner.progress.end(self.endpoint.id);
        let serving = serving.map(|serving| serving.workload);
        let point = FaultPoint::EndpointOldRevisionRemoved;
        match self.tidy(deployment, serving.as_ref(), point).await? {
            true => Ok(After::Done),
            false => Ok(After::Begun),
        }
    }

    /// This generation cannot be reached, and why; what served before goes on, and
    /// its replicas say how it is.
    async fn fail(
        &self,
        deployment: &DeploymentSpec,
        mut status: DeploymentStatus,
        failure: Failure,
    ) -> Result<After> {
        let key = key_of(deployment);
        if serves(&status, &key) {
            if let Some(seen) = self.app.inner.backend.observe(&key).await? {
                status.ready = seen.ready();
                status.wanted = seen.wanted;
                (status.state, _) = health(&seen);
            }
        } else if failure.code == UNSCHEDULABLE {
            status.state = DeploymentState::Unschedulable;
        } else {
            status.state = DeploymentState::Failed;
        }
        let observed = match &self.endpoint.status.observed {
            observed if self.has_ended() => {
                // The reason that ended this generation stays the one that is told.
                if let Observed::Failed { failure, .. } = observed {
                    status.failure = Some(failure.clone());
                } else {
                    status.failure = Some(failure);
                }
                observed.clone()
            }
            _ => {
                // The log has its own last lines already.
                self.log.line(sentence(&failure));
                status.failure = Some(failure.clone());
                let at = self.endpoint.generation;
                Observed::Failed { at, failure }
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
        self.refresh_route().await?;
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
        self.write_whole(whole).await
    }

    async fn write_whole(&self, whole: EndpointStatus) -> Result<bool> {
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

fn key_of(deployment: &DeploymentSpec) -> WorkloadKey {
    WorkloadKey {
        deployment: deployment.id,
        revision: deployment.template.revision(),
    }
}

fn serves(status: &DeploymentStatus, key: &WorkloadKey) -> bool {
    let serving = status.serving.as_ref();
    serving.is_some_and(|serving| serving.workload == *key)
}

/// What serves keeps this environment.
fn record(status: &mut DeploymentStatus, built: &BuiltEnvironment) {
    status.environment = Some(built.digest.clone());
    status.python = Some(built.python.clone());
    status.notices.clone_from(&built.notices);
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
