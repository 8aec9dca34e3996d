//! An endpoint on its way to what it should be: its deployments, its route, its end.
//!
//! The order keeps serving: a new revision starts beside the old one, gets the
//! traffic when all its replicas answer, and only then does the old one go. Each
//! deployment goes its own way: one that fails or takes long holds up no other.

use std::sync::Arc;

use uuid::Uuid;
use wharf_core::{
    compute::Compute,
    deployment::{DeploymentSpec, DeploymentState, DeploymentStatus},
    endpoint::{Endpoint, EndpointStatus},
    environment::BuildLog as _,
    resource::Observed,
};
use wharf_store::StoreError;

use super::{
    After, FaultPoint, StepError,
    decide::{End, Stand, end},
    deployment::{Looked, Prepared},
    environment::{BUILD, DEPLOY, has_environment, is_building},
    give_up::{caught, is_stop, judge, reason},
    log::OperationLog,
    patience::Wait,
};
use crate::App;

pub(super) type Result<T> = std::result::Result<T, StepError>;

pub(super) async fn step(app: &App, key: Uuid) -> Result<After> {
    let mut session = app.store().read().await?;
    let Some(endpoint) = session.endpoint_by_id(&key).await? else {
        return Ok(After::Done);
    };
    let open = session.operation_open(&key).await?;
    let compute = session.compute_by_id(&endpoint.spec.compute).await?;
    drop(session);
    let (is_told, is_building) = (has_environment(&open), is_building(&open));
    let log = OperationLog {
        clock: Arc::clone(&app.inner.clock),
        logs: app.inner.logs.clone(),
        operations: open.into_iter().map(|operation| operation.id).collect(),
    };
    let step = Step {
        app,
        is_told,
        is_building,
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
    /// The open operations know already that their environments are there.
    pub(super) is_told: bool,
    /// They know that one is being built.
    is_building: bool,
    pub(super) log: OperationLog,
    pub(super) endpoint: &'a Endpoint,
}

/// What a look at all deployments came to.
#[derive(Default)]
struct Looks<'a> {
    looked: Vec<(&'a DeploymentSpec, Looked)>,
    /// Of those whose look failed.
    error: Option<StepError>,
    after: Option<After>,
}

impl<'a> Looks<'a> {
    fn push(&mut self, deployment: &'a DeploymentSpec, looked: Looked) {
        self.after = Some(sooner(self.after.take(), looked.after.clone()));
        self.looked.push((deployment, looked));
    }
}

/// The look that comes first of two.
fn sooner(one: Option<After>, other: After) -> After {
    match (one, other) {
        (None, other) => other,
        (Some(After::Again(one)), After::Again(other)) => After::Again(one.min(other)),
        (Some(again @ After::Again(_)), _) | (_, again @ After::Again(_)) => again,
        (Some(After::Begun), _) | (_, After::Begun) => After::Begun,
        (Some(After::Done), After::Done) => After::Done,
    }
}

impl Step<'_> {
    async fn look(&self, compute: Option<Compute>) -> Result<After> {
        let faults = &self.app.inner.faults;
        faults.pass(FaultPoint::EndpointBegun)?;
        // What routers have may be older than the keys: whoever wrote those may have
        // had no answer from the store. New weights apply at once, too.
        self.refresh_route().await?;
        if self.endpoint.spec.is_absent {
            return self.remove().await;
        }
        let missing = || wharf_core::Error::internal("an endpoint without its compute");
        let compute = compute.ok_or_else(missing)?;
        let mut known = self.endpoint.status.clone();
        if !self.note(&mut known).await? {
            return Ok(After::Done);
        }
        let looks = self.look_at_all(&compute).await?;
        if looks.looked.is_empty()
            && let Some(error) = looks.error
        {
            return Err(error);
        }
        self.settle(known, looks).await
    }

    pub(super) async fn refresh_route(&self) -> Result<()> {
        let routes = &self.app.inner.routes;
        Ok(routes.refresh(self.app.store(), &self.endpoint.id).await?)
    }

    /// Writes down deployments that are new before anything runs for them: when they
    /// are in no spec any more, nothing else remembers them. False when the spec is
    /// newer by now.
    async fn note(&self, known: &mut EndpointStatus) -> Result<bool> {
        for id in known.deployments.keys() {
            self.app.inner.endpoints.own(*id, self.endpoint.id);
        }
        let mut whole = known.clone();
        for deployment in &self.endpoint.spec.deployments {
            self.app
                .inner
                .endpoints
                .own(deployment.id, self.endpoint.id);
            whole.deployments.entry(deployment.id).or_default();
        }
        if whole == *known {
            return Ok(true);
        }
        let is_written = self.write(known, whole).await?;
        self.app.inner.faults.pass(FaultPoint::EndpointNoted)?;
        Ok(is_written)
    }

    /// Looks at each deployment; one whose look fails does not keep the others from
    /// theirs.
    async fn look_at_all(&self, compute: &Compute) -> Result<Looks<'_>> {
        let mut looks = Looks::default();
        let mut ready = Vec::new();
        let mut is_building = false;
        for deployment in &self.endpoint.spec.deployments {
            match self.prepare(deployment, compute).await {
                Ok(Prepared::Ready(built)) => ready.push((deployment, built)),
                Ok(Prepared::Building) => {
                    is_building = true;
                    let looked = Looked {
                        status: self.status_of(deployment),
                        stand: self.stand_of_waiting(deployment),
                        after: After::Begun,
                    };
                    looks.push(deployment, looked);
                }
                Ok(Prepared::Looked(looked)) => looks.push(deployment, *looked),
                Err(error) => looks.error = Some(kept(looks.error, error)?),
            }
        }
        if is_building {
            if !self.is_told && !self.is_building {
                self.say(BUILD).await?;
            }
        } else if !self.is_told && !ready.is_empty() {
            self.say(DEPLOY).await?;
        }
        for (deployment, built) in ready {
            match self.roll_out(deployment, compute, &built).await {
                Ok(looked) => looks.push(deployment, looked),
                Err(error) => looks.error = Some(kept(looks.error, error)?),
            }
        }
        Ok(looks)
    }

    /// Gives the traffic to what serves now, writes how far the generation is, and
    /// then removes what serves no more.
    async fn settle(&self, mut known: EndpointStatus, looks: Looks<'_>) -> Result<After> {
        let faults = &self.app.inner.faults;
        let mut whole = known.clone();
        let mut is_new_route = false;
        let mut stands = Vec::new();
        for deployment in &self.endpoint.spec.deployments {
            let looked = looks.looked.iter().find(|(it, _)| it.id == deployment.id);
            let name = deployment.version.as_ref().map(|_| &deployment.name);
            let Some((_, looked)) = looked else {
                stands.push((name, self.stand_of_waiting(deployment)));
                continue;
            };
            let mut status = looked.status.clone();
            if looked.stand == Stand::Reached {
                status.failed_at = None;
            }
            let before = known.deployments.get(&deployment.id);
            is_new_route |= before.is_none_or(|before| before.serving != status.serving);
            whole.deployments.insert(deployment.id, status);
            stands.push((name, looked.stand.clone()));
        }
        let is_left = stands.iter().any(|(_, it)| *it == Stand::FailedBefore);
        let end = match end(&stands) {
            // The end that was told stays until all of it has come right.
            End::Reached if self.has_ended() && is_left => End::Open,
            End::Failed(_) if self.has_ended() => End::Open,
            end => end,
        };
        if is_new_route || (end == End::Reached && !self.has_ended()) {
            // The route first: whoever sees the operation's end can score.
            if !self.write(&mut known, whole.clone()).await? {
                return Ok(After::Done);
            }
            faults.pass(FaultPoint::EndpointServingWritten)?;
            self.refresh_route().await?;
            faults.pass(FaultPoint::EndpointRouted)?;
        }
        let generation = self.endpoint.generation;
        let point = match end {
            End::Open => FaultPoint::EndpointWaiting,
            End::Reached => {
                whole.observed = Observed::Reached(generation);
                FaultPoint::EndpointReachedWritten
            }
            End::Failed(failure) => {
                self.tell_failures(&stands, &mut whole);
                let at = generation;
                whole.observed = Observed::Failed { at, failure };
                FaultPoint::EndpointFailureWritten
            }
        };
        if !self.write(&mut known, whole).await? {
            return Ok(After::Done);
        }
        faults.pass(point)?;
        let mut after = looks.after;
        if known.observed.has_ended(generation) {
            self.end_waits(&known);
            // Authentication and keys apply although a new revision may not serve.
            self.refresh_route().await?;
        }
        if !self.tidy_all(&looks.looked, &mut known).await? {
            after = Some(sooner(after, After::Begun));
        }
        match looks.error {
            Some(error) => Err(error),
            None => Ok(after.unwrap_or(After::Done)),
        }
    }

    /// Each deployment whose failure ends this generation is not asked again by a
    /// later one that leaves it as it is.
    fn tell_failures(
        &self,
        stands: &[(Option<&wharf_core::name::EndpointName>, Stand)],
        whole: &mut EndpointStatus,
    ) {
        for (deployment, (_, stand)) in self.endpoint.spec.deployments.iter().zip(stands) {
            if let (Stand::Failed(_), Some(status)) =
                (stand, whole.deployments.get_mut(&deployment.id))
            {
                status.failed_at = Some(deployment.asked_at);
            }
        }
    }

    fn end_waits(&self, known: &EndpointStatus) {
        let patience = &self.app.inner.patience;
        patience.end(self.endpoint.id, Wait::Rollout);
        for deployment in &self.endpoint.spec.deployments {
            patience.end(deployment.id, Wait::Rollout);
            let status = known.deployments.get(&deployment.id);
            if status.is_some_and(|status| status.failed_at.is_none()) {
                self.app.inner.progress.end(deployment.id);
            }
        }
    }

    /// Begins to remove what serves no more; false when something is left.
    async fn tidy_all(
        &self,
        looked: &[(&DeploymentSpec, Looked)],
        known: &mut EndpointStatus,
    ) -> Result<bool> {
        let mut is_tidy = true;
        for (deployment, looked) in looked {
            if looked.stand == Stand::Reached {
                let keep = deployment.workload();
                let point = FaultPoint::EndpointOldRevisionRemoved;
                is_tidy &= self.tidy(deployment.id, Some(&keep), point).await?;
            }
        }
        Ok(is_tidy && self.retire(known).await?)
    }

    /// Removes deployments that are in no spec any more, once others have their
    /// traffic; false when some are left.
    async fn retire(&self, known: &mut EndpointStatus) -> Result<bool> {
        let deployments = &self.endpoint.spec.deployments;
        let is_wanted = |id: &Uuid| deployments.iter().any(|it| it.id == *id);
        let retired: Vec<_> = known
            .deployments
            .keys()
            .filter(|id| !is_wanted(id))
            .copied()
            .collect();
        let serves = |it: &DeploymentStatus| it.serving.is_some();
        let is_served = known
            .deployments
            .iter()
            .any(|(id, status)| is_wanted(id) && serves(status));
        if retired.is_empty() || !is_served {
            return Ok(true);
        }
        let mut whole = known.clone();
        for id in retired {
            self.forget(id);
            let point = FaultPoint::EndpointRetiredRemoved;
            if self.tidy(id, None, point).await? {
                whole.deployments.remove(&id);
                self.app.inner.endpoints.disown(&id);
            }
        }
        let is_tidy = whole.deployments.len() == deployments.len();
        self.write(known, whole).await?;
        Ok(is_tidy)
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
            // Newer than what this look began with: others may be there by now.
            let mut session = self.app.store().read().await?;
            let Some(now) = session.endpoint_by_id(&self.endpoint.id).await? else {
                return Err(error);
            };
            drop(session);
            let mut known = now.status;
            let mut status = known.clone();
            for deployment in &self.endpoint.spec.deployments {
                let it = status.deployments.entry(deployment.id).or_default();
                if self.endpoint.spec.is_versioned && it.serves(&deployment.workload()) {
                    continue;
                }
                if !it.serves(&deployment.workload()) {
                    it.state = DeploymentState::Failed;
                }
                it.failure = Some(failure.clone());
                it.failed_at = Some(deployment.asked_at);
            }
            let at = self.endpoint.generation;
            status.observed = Observed::Failed { at, failure };
            self.write(&mut known, status).await?;
        }
        Err(error)
    }

    pub(super) fn has_ended(&self) -> bool {
        let observed = &self.endpoint.status.observed;
        observed.has_ended(self.endpoint.generation)
    }

    /// Writes the status if it differs from `known`, what is stored; false when the
    /// spec is newer by now.
    async fn write(&self, known: &mut EndpointStatus, whole: EndpointStatus) -> Result<bool> {
        if whole == *known {
            return Ok(true);
        }
        let (key, generation, now) = (self.endpoint.id, self.endpoint.generation, self.app.now());
        *known = whole.clone();
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

/// Of several errors the first is told; a test's way of stopping stops everything.
fn kept(first: Option<StepError>, error: StepError) -> Result<StepError> {
    if is_stop(&error) {
        return Err(error);
    }
    Ok(first.unwrap_or(error))
}
