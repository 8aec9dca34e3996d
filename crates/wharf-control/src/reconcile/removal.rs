//! Revisions that go: begun by a step, waited for by none. A revision lets its calls
//! end, which takes as long as the slowest of them.

use std::{collections::BTreeSet, sync::Arc};

use uuid::Uuid;
use wharf_core::{deployment::WorkloadKey, resource::Observed};
use wharf_store::StoreError;

use super::{
    After, FaultPoint,
    endpoint::{Result, Step},
    patience::Wait,
};

impl Step<'_> {
    /// Tells how removals went that have ended since the last look.
    pub(super) fn removal_errors(&self, deployment: Uuid) -> Result<()> {
        let removals = &self.app.inner.removals;
        for ended in removals.take_ended(|key| key.deployment == deployment) {
            ended??;
        }
        Ok(())
    }

    /// Begins to remove all revisions but `keep`; true when none is left. The end of
    /// each wakes the endpoint.
    pub(super) async fn tidy(
        &self,
        deployment: Uuid,
        keep: Option<&WorkloadKey>,
        point: FaultPoint,
    ) -> Result<bool> {
        self.removal_errors(deployment)?;
        let mut is_tidy = true;
        for key in self.app.inner.backend.revisions(deployment).await? {
            if keep == Some(&key) {
                continue;
            }
            is_tidy = false;
            let (app, endpoint) = (self.app.clone(), self.endpoint.id);
            let (backend, removed) = (Arc::clone(&app.inner.backend), key.clone());
            let passed = self.app.clone();
            self.app.inner.removals.begin(
                key,
                async move {
                    backend.remove(&removed).await?;
                    // A stop ends everything; nobody is there to be told.
                    let _ = passed.inner.faults.pass(point);
                    Ok(())
                },
                move || app.inner.endpoints.wake(endpoint),
            );
        }
        Ok(is_tidy)
    }

    /// Nobody waits for this deployment any more.
    pub(super) fn forget(&self, deployment: Uuid) {
        let inner = &self.app.inner;
        inner.builds.cancel(|(of, _)| *of == deployment);
        inner.progress.end(deployment);
        inner.patience.end(deployment, Wait::Rollout);
    }

    /// An endpoint that is to go: its route, its revisions, and last what is known
    /// of it.
    pub(super) async fn remove(&self) -> Result<After> {
        let (app, endpoint) = (self.app, self.endpoint);
        let faults = &app.inner.faults;
        faults.pass(FaultPoint::EndpointUnrouted)?;
        // Also those that are in no spec any more and not gone yet.
        let all: BTreeSet<Uuid> = endpoint
            .spec
            .deployments
            .iter()
            .map(|deployment| deployment.id)
            .chain(endpoint.status.deployments.keys().copied())
            .collect();
        let mut is_tidy = true;
        for deployment in &all {
            self.forget(*deployment);
            let point = FaultPoint::EndpointRevisionRemoved;
            is_tidy &= self.tidy(*deployment, None, point).await?;
        }
        if !is_tidy {
            return Ok(After::Begun);
        }
        for deployment in &all {
            app.inner.endpoints.disown(deployment);
        }
        let (key, generation, now) = (endpoint.id, endpoint.generation, app.now());
        app.store()
            .write::<_, StoreError, _>(move |txn| {
                Box::pin(async move {
                    txn.endpoint_delete(&key).await?;
                    txn.operation_settle(&key, &Observed::Gone(generation), now)
                        .await
                })
            })
            .await?;
        faults.pass(FaultPoint::EndpointForgotten)?;
        app.inner.patience.end(key, Wait::Rollout);
        Ok(After::Done)
    }
}
