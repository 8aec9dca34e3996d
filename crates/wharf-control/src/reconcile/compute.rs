//! Attach and detach.

use uuid::Uuid;
use wharf_core::{
    backend::{BackendError, OwnershipMarker},
    compute::{Compute, Removal},
    managed_cluster::ManagedCluster,
    resource::{Failure, Observed},
};

use super::{After, StepError, fault_point};
use crate::App;

type Result<T> = std::result::Result<T, StepError>;

pub(super) async fn step(app: &App, key: Uuid) -> Result<After> {
    let mut session = app.store().read().await?;
    let Some(compute) = session.compute_by_id(&key).await? else {
        return Ok(After::Done);
    };
    if compute.observed.has_ended(compute.generation) {
        return Ok(After::Done);
    }
    let cluster = session
        .managed_cluster_by_id(&compute.spec.cluster)
        .await?
        .ok_or_else(|| wharf_core::Error::internal("a compute without its cluster"))?;
    drop(session);
    match compute.spec.removal {
        None => attach(app, &compute, &cluster).await,
        Some(removal) => remove(app, &compute, &cluster, removal).await,
    }
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
    fault_point!("compute-attach-begun");
    let mut attached = app.inner.provider.create(cluster).await.map(|_| ());
    fault_point!("compute-cluster-made");
    if attached.is_ok() {
        attached = app.inner.backend.attach(cluster, &marker(compute)).await;
    }
    fault_point!("compute-attached");
    let observed = match attached {
        Ok(()) => Observed::Reached(compute.generation),
        Err(error) => match failure(&error) {
            Some(failure) => Observed::Failed {
                at: compute.generation,
                failure,
            },
            None => return Err(error.into()),
        },
    };
    write(app, compute, cluster, observed).await?;
    Ok(After::Done)
}

/// A failure that trying again does not mend.
fn failure(error: &BackendError) -> Option<Failure> {
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
    cluster: &ManagedCluster,
    observed: Observed,
) -> Result<()> {
    let (key, generation, now) = (compute.id, compute.generation, app.now());
    let (cluster, cluster_generation) = (cluster.id, cluster.generation);
    app.store()
        .write::<_, wharf_store::StoreError, _>(move |txn| {
            Box::pin(async move {
                if matches!(observed, Observed::Reached(_)) {
                    let there = Observed::Reached(cluster_generation);
                    txn.managed_cluster_write_observed(&cluster, cluster_generation, &there)
                        .await?;
                }
                txn.compute_write_observed(&key, generation, &observed, now)
                    .await
            })
        })
        .await?;
    // Somebody wrote a newer spec meanwhile: its own signal is on the way.
    Ok(())
}

async fn remove(
    app: &App,
    compute: &Compute,
    cluster: &ManagedCluster,
    removal: Removal,
) -> Result<After> {
    fault_point!("compute-remove-begun");
    app.inner.backend.detach(cluster, &marker(compute)).await?;
    fault_point!("compute-detached");
    if removal == Removal::Delete {
        app.inner.provider.delete(cluster).await?;
        fault_point!("compute-cluster-deleted");
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
                txn.operation_settle(&key, &Observed::Reached(generation), now)
                    .await
            })
        })
        .await?;
    Ok(After::Done)
}
