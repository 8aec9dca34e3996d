//! Long-running operations, as ARM's clients poll them.

use uuid::Uuid;
use wharf_core::{
    Error, Kind,
    finding::Finding,
    operation::{Operation, OperationId, TargetKind},
    workspace::Caller,
};
use wharf_wire::arm::operations::OperationStatus;

use super::pending;
use crate::{
    answer::{self, Answered},
    call::Call,
};

/// Names the operation of a removal for which there was nothing to do: SDK v1
/// wants to poll also then. It belongs to no resource and has always succeeded.
pub(super) const NOTHING_TO_DO: OperationId = OperationId(Uuid::nil());

/// `GET …/workspaces/{workspace}/computeOperationsStatus/{operation}`.
pub(crate) async fn of_compute(call: Call, caller: Caller) -> Answered {
    let (app, path, id) = (call.app(), call.workspace(), call.parameter("operation"));
    if id.parse().is_ok_and(|id: OperationId| id == NOTHING_TO_DO) {
        app.workspace_get(&caller, &path).await?;
        return answer::ok(&OperationStatus::nothing_to_do(call.uri().path(), &id));
    }
    let operation = app.operation_get(&caller, Some(&path), &id).await?;
    let warnings = app.compute_warnings(&operation).await?;
    shown(&call, &operation, TargetKind::Compute, &warnings)
}

/// `GET …/Microsoft.ContainerService/locations/{location}/operations/{operation}`.
pub(crate) async fn of_cluster(call: Call, caller: Caller) -> Answered {
    let id = call.parameter("operation");
    let operation = call.app().operation_get(&caller, None, &id).await?;
    shown(&call, &operation, TargetKind::ManagedCluster, &[])
}

fn shown(call: &Call, operation: &Operation, kind: TargetKind, warnings: &[Finding]) -> Answered {
    if operation.target_kind != kind {
        return Err(Error::not_found(Kind::Operation, operation.id.to_string()).into());
    }
    let status = OperationStatus::new(call.uri().path(), operation).with_warnings(warnings);
    let mut response = answer::ok(&status)?;
    if operation.state.is_open() {
        pending::retry_after(&mut response);
    }
    Ok(response)
}
