//! Use cases that write computes.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    compute::{Compute, ComputeRequest, ComputeSpec, Origin, Removal},
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    resource_id::ResourceId,
    workspace::{Caller, WorkspacePath},
};
use wharf_store::Txn;

use super::{busy::busy, put::Put, tls::TlsPut};
use crate::{App, Written, places::find_workspace};

impl App {
    /// Creates, attaches or updates the compute `name`.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] with every broken rule,
    /// [`wharf_core::Error::Conflict`] when the name or the cluster is taken or the
    /// compute is going, [`wharf_core::Error::Forbidden`] for a cluster that is not the
    /// caller's to use.
    pub async fn compute_put(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        request: ComputeRequest,
    ) -> Result<Written<Compute>> {
        check_linked(caller, &request)?;
        let (path, name, now) = (path.clone(), name.to_owned(), self.now());
        let catalogue = Arc::clone(&self.inner.catalogue);
        let tls = TlsPut::new(self.inner.tls.clone());
        let (written, _) = self
            .write_then(
                move |txn| {
                    Box::pin(async move {
                        let workspace = find_workspace(txn, &path).await?;
                        let mut put = Put::new(workspace, name, request, tls, now, catalogue);
                        let written = put.write(txn).await?;
                        Ok((written, put.disturbed()))
                    })
                },
                |app, (written, disturbed)| {
                    app.inner.computes.wake(written.resource.id);
                    if let Some(disturbed) = disturbed {
                        app.inner.computes.wake(*disturbed);
                    }
                },
            )
            .await?;
        Ok(written)
    }

    /// Deletes or detaches. `None` when there is no such compute (ARM answers 204).
    ///
    /// # Errors
    /// [`wharf_core::Error::Conflict`] when an attached compute is to be deleted, or
    /// services still run on it (they are named).
    pub async fn compute_remove(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        removal: Removal,
    ) -> Result<Option<OperationId>> {
        let (path, name, now) = (path.clone(), name.to_owned(), self.now());
        let removed = self
            .write_then(
                move |txn| Box::pin(async move { remove(txn, &path, &name, removal, now).await }),
                |app, removed| {
                    if let Some((compute, _)) = removed {
                        app.inner.computes.wake(*compute);
                    }
                },
            )
            .await?;
        Ok(removed.map(|(_, operation)| operation))
    }
}

/// Who attaches a cluster gets its credentials, so that a role on the workspace alone
/// is not enough. (Azure's word for it is a linked scope.)
fn check_linked(caller: &Caller, request: &ComputeRequest) -> Result<()> {
    const ACTION: &str =
        "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action";
    // What is no id is refused with all other broken rules.
    let Some(id) = request
        .resource_id
        .as_deref()
        .and_then(|id| id.parse::<ResourceId>().ok())
    else {
        return Ok(());
    };
    if caller.may(ACTION, &id.scope()) {
        return Ok(());
    }
    Err(Error::Forbidden {
        why: format!(
            "The client '{}' with object id '{}' may write the compute, and does not have \
             authorization to perform action '{ACTION}' over the linked scope '{id}', or the \
             linked scope is invalid.",
            caller.principal.display_name, caller.principal.id
        ),
    })
}

async fn remove(
    txn: &mut Txn,
    path: &WorkspacePath,
    name: &str,
    removal: Removal,
    now: Timestamp,
) -> Result<Option<(Uuid, OperationId)>> {
    let workspace = find_workspace(txn, path).await?;
    let Some(compute) = txn.compute_get(&workspace.id, name).await? else {
        return Ok(None);
    };
    let conflict = |why: String| Error::conflict(Kind::Compute, compute.name.as_str(), why);
    // A removal that was given up is begun again.
    let is_under_way = !compute.observed.has_ended(compute.generation);
    if let Some(asked) = compute.spec.removal
        && (is_under_way || asked != removal)
    {
        // Asking again for the same is answered with the operation under way.
        let under_way = txn.operation_at(&compute.id, compute.generation).await?;
        return match under_way {
            Some(operation) if asked == removal => Ok(Some((compute.id, operation))),
            _ => Err(busy(txn, &compute).await?),
        };
    }
    if removal == Removal::Delete && compute.spec.origin == Origin::Attached {
        return Err(conflict(
            "was attached, so it cannot be deleted; detach it, which leaves its cluster alone"
                .to_owned(),
        ));
    }
    let services = txn.endpoint_names_on(&compute.id).await?;
    if !services.is_empty() {
        return Err(conflict(format!(
            "services still run on it: {}; delete them first",
            services.join(", ")
        )));
    }
    let spec = ComputeSpec {
        removal: Some(removal),
        ..compute.spec
    };
    let generation = compute.generation.next();
    txn.compute_update_spec(&compute.id, generation, &spec, now)
        .await?;
    let operation = Operation {
        id: OperationId::random(),
        workspace: Some(workspace.id),
        verb: Verb::Delete,
        target_kind: TargetKind::Compute,
        target: compute.id,
        target_name: compute.name.into(),
        generation,
        state: OperationState::InProgress,
        step: None,
        created_at: now,
        ended_at: None,
    };
    txn.operation_insert(&operation).await?;
    Ok(Some((compute.id, operation.id)))
}
