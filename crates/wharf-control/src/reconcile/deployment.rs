//! One deployment on its way to what it should be: its environment, its replicas.
//!
//! A look at it changes nothing that others see: what came of it is folded into the
//! status of its endpoint by [`super::endpoint`].

use std::time::Duration;

use wharf_core::{
    backend::{BackendError, Workload},
    compute::Compute,
    deployment::{DeploymentSpec, DeploymentState, DeploymentStatus, WorkloadKey},
    environment::{BuildLog as _, BuiltEnvironment},
    resource::{Failure, Observed},
};

use super::{
    After, FaultPoint,
    decide::{Rollout, Stand, health, last_attempt, rollout, sentence, with_log},
    endpoint::{Result, Step},
    environment::Environment,
    patience::Wait,
    progress::Counts,
};

/// How long to wait for a signal before looking anyway.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// The code of a backend that has no room for a replica.
const UNSCHEDULABLE: &str = "Unschedulable";
/// Lines of a failed replica's log that go into the operation's log.
const FAILURE_LINES: usize = 200;

/// What a look came to.
pub(super) struct Looked {
    /// What was seen.
    pub(super) status: DeploymentStatus,
    /// How far it is.
    pub(super) stand: Stand,
    /// When to look again.
    pub(super) after: After,
}

/// How far a deployment is before its replicas are looked at.
pub(super) enum Prepared {
    /// It has its environment.
    Ready(BuiltEnvironment),
    /// It is being built.
    Building,
    /// There is nothing to look at.
    Looked(Box<Looked>),
}

impl Step<'_> {
    pub(super) fn status_of(&self, deployment: &DeploymentSpec) -> DeploymentStatus {
        let known = self.endpoint.status.deployments.get(&deployment.id);
        known.cloned().unwrap_or_default()
    }

    /// Whether an operation was told that this deployment fails as it is wanted.
    pub(super) fn has_failed(&self, deployment: &DeploymentSpec) -> bool {
        if self.endpoint.spec.is_versioned {
            return self.status_of(deployment).failed_at == Some(deployment.asked_at);
        }
        matches!(&self.endpoint.status.observed, Observed::Failed { at, .. }
            if *at >= self.endpoint.generation)
    }

    /// Whether the operation that wants it so has ended.
    fn is_told_of(&self, deployment: &DeploymentSpec) -> bool {
        self.has_ended() || self.has_failed(deployment)
    }

    fn waiting(&self, deployment: &DeploymentSpec, status: DeploymentStatus) -> Looked {
        Looked {
            status,
            stand: self.stand_of_waiting(deployment),
            after: After::Again(LOOK_AGAIN),
        }
    }

    /// How far a deployment is whose end is not seen by this look.
    pub(super) fn stand_of_waiting(&self, deployment: &DeploymentSpec) -> Stand {
        if self.has_failed(deployment) {
            Stand::FailedBefore
        } else {
            Stand::Waiting
        }
    }

    /// Brings it up to where its replicas can be asked for.
    pub(super) async fn prepare(
        &self,
        deployment: &DeploymentSpec,
        compute: &Compute,
    ) -> Result<Prepared> {
        let before = self.status_of(deployment);
        let key = deployment.workload();
        let is_serving = before.serves(&key);
        if !is_serving && self.is_beyond_help(deployment) {
            return Ok(Prepared::Looked(Box::new(Looked {
                status: before,
                stand: Stand::FailedBefore,
                after: After::Done,
            })));
        }
        match &compute.observed {
            Observed::Reached(_) => {}
            Observed::NotYet | Observed::Gone(_) => {
                self.wait_for_compute(compute);
                return Ok(Prepared::Looked(Box::new(self.waiting(deployment, before))));
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
                let failed = self.failed(deployment, before, failure).await?;
                return Ok(Prepared::Looked(Box::new(failed)));
            }
        }
        if self.app.inner.removals.has(&key) {
            // It went as an old revision and is wanted again: first to the end.
            self.removal_errors(deployment.id)?;
            return Ok(Prepared::Looked(Box::new(self.waiting(deployment, before))));
        }
        let serving = is_serving.then_some(&before);
        match self.environment(deployment, serving).await? {
            Environment::Ready(built) => Ok(Prepared::Ready(built)),
            Environment::Building => Ok(Prepared::Building),
            Environment::Failed(failure) => {
                let failed = self.failed(deployment, before, failure).await?;
                Ok(Prepared::Looked(Box::new(failed)))
            }
        }
    }

    /// Asks for its replicas and looks at them.
    pub(super) async fn roll_out(
        &self,
        deployment: &DeploymentSpec,
        compute: &Compute,
        built: &BuiltEnvironment,
    ) -> Result<Looked> {
        let mut status = self.status_of(deployment);
        let key = deployment.workload();
        let is_serving = status.serves(&key);
        let faults = &self.app.inner.faults;
        faults.pass(FaultPoint::EndpointEnvironmentBuilt)?;
        let restarts = if is_serving {
            None
        } else {
            Some(self.restarts_before(deployment, &key).await?)
        };
        let ensured = self.ensure(deployment, compute, &key, built).await;
        if is_serving || status.serving.is_none() {
            record(&mut status, built);
        }
        if let Err(BackendError::Refused { code, message }) = ensured {
            let failure = Failure::new(code, message);
            return self.failed(deployment, status, failure).await;
        }
        ensured?;
        faults.pass(FaultPoint::EndpointEnsured)?;
        let Some(seen) = self.app.inner.backend.observe(&key).await? else {
            return Ok(self.waiting(deployment, status));
        };
        status.ready = seen.ready();
        status.wanted = seen.wanted;
        let is_told = self.is_told_of(deployment);
        if is_serving {
            // A change of scaling or waiting alone applies to what serves.
            status.serving = Some(deployment.target());
            if is_told {
                let known = status.failure.take();
                (status.state, status.failure) = health(&seen);
                if self.has_failed(deployment) && seen.ready() < seen.wanted {
                    status.failure = status.failure.or(known);
                    return Ok(Looked {
                        status,
                        stand: Stand::FailedBefore,
                        after: After::Again(LOOK_AGAIN * 15),
                    });
                }
                return Ok(Looked {
                    status,
                    stand: Stand::Reached,
                    after: After::Done,
                });
            }
        }
        let patience = &self.app.inner.patience;
        let age = patience.age(deployment.id, deployment.asked_at, Wait::Rollout);
        match rollout(&seen, age, restarts.as_ref()) {
            Rollout::Wait => {
                if !is_told {
                    status.state = DeploymentState::Transitioning;
                    status.failure = None;
                }
                Ok(self.waiting(deployment, status))
            }
            Rollout::Serve => {
                patience.end(deployment.id, Wait::Rollout);
                let what = match &deployment.version {
                    Some(_) => format!("version `{}`", deployment.name),
                    None => "the service".to_owned(),
                };
                self.log.line(&format!(
                    "{} of {} replicas are ready; {what} is healthy",
                    seen.ready(),
                    seen.wanted
                ));
                status.state = DeploymentState::Healthy;
                status.failure = None;
                status.serving = Some(deployment.target());
                record(&mut status, built);
                Ok(Looked {
                    status,
                    stand: Stand::Reached,
                    after: After::Done,
                })
            }
            Rollout::Fail(failure) => {
                let failure = if is_told {
                    failure
                } else {
                    let log = self.log_of_replica(&key, &failure).await;
                    with_log(failure, &log)
                };
                let failed = self.failed(deployment, status, failure).await?;
                Ok(Looked {
                    // It may still come up, for example when a disk has room again.
                    after: After::Again(LOOK_AGAIN * 15),
                    ..failed
                })
            }
        }
    }

    /// It cannot be as it is wanted, and why; what served before goes on, and its
    /// replicas say how it is.
    async fn failed(
        &self,
        deployment: &DeploymentSpec,
        mut status: DeploymentStatus,
        failure: Failure,
    ) -> Result<Looked> {
        let key = deployment.workload();
        if status.serves(&key) {
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
        let stand = if self.has_failed(deployment) {
            // The reason that ended its operation stays the one that is told.
            status.failure.get_or_insert(failure);
            Stand::FailedBefore
        } else {
            if !self.has_ended() {
                // The log has its own last lines already.
                self.log.line(sentence(&failure));
            }
            status.failure = Some(failure.clone());
            Stand::Failed(failure)
        };
        Ok(Looked {
            status,
            stand,
            after: After::Done,
        })
    }

    /// What replicas of a revision on its way had behind them before this change.
    async fn restarts_before(
        &self,
        deployment: &DeploymentSpec,
        key: &WorkloadKey,
    ) -> Result<Counts> {
        let progress = &self.app.inner.progress;
        if let Some(known) = progress.restarts(deployment.id, deployment.asked_at) {
            return Ok(known);
        }
        // An earlier process began this generation: what is there came with it.
        let seen = if self.is_told {
            None
        } else {
            self.app.inner.backend.observe(key).await?
        };
        Ok(progress.set_restarts(deployment.id, deployment.asked_at, seen.as_ref()))
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

    /// Whether it was told of it that its environment cannot be made: only a change
    /// of the spec helps.
    fn is_beyond_help(&self, deployment: &DeploymentSpec) -> bool {
        let status = self.status_of(deployment);
        let failure = status.failure.as_ref();
        self.has_failed(deployment)
            && failure.is_some_and(|failure| failure.code.starts_with("Environment"))
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
}

/// What serves keeps this environment.
fn record(status: &mut DeploymentStatus, built: &BuiltEnvironment) {
    status.environment = Some(built.digest.clone());
    status.python = Some(built.python.clone());
    status.notices.clone_from(&built.notices);
}
