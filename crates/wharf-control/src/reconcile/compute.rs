//! Attach and detach.

use std::time::Duration;

use uuid::Uuid;
use wharf_core::{
    backend::{BackendError, OwnershipMarker},
    compute::{Compute, Removal},
    managed_cluster::ManagedCluster,
    resource::{Failure, Observed},
};

use super::{
    After, FaultPoint, StepError,
    give_up::{caught, is_given_up, is_stop, judge},
    patience::Wait,
};
use crate::App;

type Result<T> = std::result::Result<T, StepError>;

/// How long to wait before asking again for a cluster that is being made or deleted.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(super) async fn step(app: &App, key: Uuid) -> Result<After> {
    let mut session = app.store().read().await?;
    let Some(compute) = session.compute_by_id(&key).await? else {
        return Ok(After::Done);
    };
    let found = session.managed_cluster_by_id(&compute.spec.cluster).await?;
    drop(session);
    let observed = &compute.observed;
    if observed.has_ended(compute.generation) && !is_given_up(observed) {
        return Ok(After::Done);
    }
    let looked = caught(async {
        let missing = || wharf_core::Error::internal("a compute without its cluster");
        let cluster = found.as_ref().ok_or_else(missing)?;
        match compute.spec.removal {
            None => attach(app, &compute, cluster).await,
            Some(removal) => remove(app, &compute, cluster, removal).await,
        }
    });
    match looked.await {
        Ok(after) => {
            app.inner.patience.end(key, Wait::Away);
            Ok(after)
        }
        Err(error) => away(app, &compute, error).await,
    }
}

/// After an error: try again, and end the operation when that has lasted too long.
async fn away(app: &App, compute: &Compute, error: StepError) -> Result<After> {
    if is_stop(&error) || compute.observed.has_ended(compute.generation) {
        return Err(error);
    }
    let verdict = judge(app, compute.id, compute.generation, &error);
    if let Some(failure) = verdict.failure {
        let at = compute.generation;
        write(app, compute, None, Observed::Failed { at, failure }).await?;
    }
    Err(error)
}

/// The compute's id is fresh in each of its lives, so it is its incarnation too.
fn marker(compute: &Compute) -> OwnershipMarker {
    OwnershipMarker {
        workspace: compute.workspace,
        compute_id: compute.id,
        compute: compute.name.to_string(),
        incarnation: compute.id,
    }
}

async fn attach(app: &App, compute: &Compute, cluster: &ManagedCluster) -> Result<After> {
    app.inner.faults.pass(FaultPoint::ComputeAttachBegun)?;
    let observed = match make(app, compute, cluster).await {
        Ok(true) => Observed::Reached(compute.generation),
        Ok(false) => return Ok(After::Again(LOOK_AGAIN)),
        Err(error) => match failure(&error) {
            Some(failure) => Observed::Failed {
                at: compute.generation,
                failure,
            },
            None => return Err(error),
        },
    };
    if let Observed::Reached(_) = observed {
        // Before the end is written: who waits for it finds the name served.
        let routes = &app.inner.routes;
        routes.refresh_certificate(app.store(), &compute.id).await?;
    }
    write(app, compute, Some(cluster), observed).await?;
    app.inner.faults.pass(FaultPoint::ComputeSettled)?;
    Ok(After::Done)
}

/// The cluster, and the marker on it; false while the cluster is being made.
async fn make(app: &App, compute: &Compute, cluster: &ManagedCluster) -> Result<bool> {
    if !app.inner.provider.create(cluster).await? {
        return Ok(false);
    }
    app.inner.faults.pass(FaultPoint::ComputeClusterMade)?;
    app.inner.backend.attach(cluster, &marker(compute)).await?;
    app.inner.faults.pass(FaultPoint::ComputeAttached)?;
    Ok(true)
}

/// A failure that trying again does not mend.
fn failure(error: &StepError) -> Option<Failure> {
    let StepError::Backend(error) = error else {
        return None;
    };
    match error {
        BackendError::Owned(_) => Some(Failure::new(
            "ClusterAlreadyAttached",
            format!("{error}; detach it there first"),
        )),
        BackendError::Refused { code, message } => Some(Failure::new(*code, message.clone())),
        BackendError::Unavailable(_) => None,
    }
}

async fn write(
    app: &App,
    compute: &Compute,
    cluster: Option<&ManagedCluster>,
    observed: Observed,
) -> Result<()> {
    let (key, generation, now) = (compute.id, compute.generation, app.now());
    let cluster = cluster.map(|cluster| (cluster.id, cluster.generation));
    app.store()
        .write::<_, wharf_store::StoreError, _>(move |txn| {
            Box::pin(async move {
                if let (Observed::Reached(_), Some((cluster, at))) = (&observed, cluster) {
                    let there = Observed::Reached(at);
                    txn.managed_cluster_write_observed(&cluster, at, &there)
                        .await?;
                }
                txn.compute_write_observed(&key, generation, &observed, now)
                    .await
            })
        })
        .await?;
    // Somebody may have written a newer spec meanwhile: its own signal is on the way.
    for endpoint in app.store().read().await?.endpoint_ids_on(&key).await? {
        app.inner.endpoints.wake(endpoint);
    }
    Ok(())
}

async fn remove(
    app: &App,
    compute: &Compute,
    cluster: &ManagedCluster,
    removal: Removal,
) -> Result<After> {
    let faults = &app.inner.faults;
    faults.pass(FaultPoint::ComputeRemoveBegun)?;
    app.inner.backend.detach(cluster, &marker(compute)).await?;
    faults.pass(FaultPoint::ComputeDetached)?;
    if removal == Removal::Delete {
        if !app.inner.provider.delete(cluster).await? {
            return Ok(After::Again(LOOK_AGAIN));
        }
        faults.pass(FaultPoint::ComputeClusterDeleted)?;
    }
    let (key, generation, now) = (compute.id, compute.generation, app.now());
    let cluster = cluster.id;
    app.store()
        .write::<_, wharf_store::StoreError, _>(move |txn| {
            Box::pin(async move {
                txn.compute_delete(&key).await?;
                if removal == Removal::Delete {
                    txn.managed_cluster_delete(&cluster).await?;
                }
                txn.operation_settle(&key, &Observed::Gone(generation), now)
                    .await
            })
        })
        .await?;
    // A kill before this is no harm: the next start reads what is left.
    let routes = &app.inner.routes;
    routes.refresh_certificate(app.store(), &compute.id).await?;
    faults.pass(FaultPoint::ComputeForgotten)?;
    Ok(After::Done)
}
