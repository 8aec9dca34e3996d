//! Computes: create, attach, update, read, delete, detach.

use http::{Response, StatusCode, header};
use wharf_control::Page;
use wharf_core::{
    Error,
    compute::Removal,
    operation::OperationId,
    quote::Quoted,
    workspace::{Caller, WorkspacePath},
};
use wharf_wire::{
    arm::computes::{self, Compute, ComputeKeys},
    page::ValueList,
};

use super::{operations::NOTHING_TO_DO, pending};
use crate::{
    answer::{self, Answered, Body},
    call::Call,
    page::{self, encoded},
    refusal::Refusal,
};

/// `PUT …/computes/{compute}`: 201 for a new one, 200 for a change.
pub(crate) async fn put(mut call: Call, caller: Caller) -> Answered {
    let document = call.resource().await?;
    let request = computes::parse(document).map_err(Error::Invalid)?;
    let (path, name) = (call.workspace(), call.parameter("compute"));
    let written = call
        .app()
        .compute_put(&caller, &path, &name, request)
        .await?;
    let workspace = call.app().workspace_get(&caller, &path).await?;
    let status = if written.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut response = answer::json(status, &Compute::new(&workspace, &written.resource))?;
    pending::operation(
        &mut response,
        operation_url(&call, &path, written.operation),
    )?;
    Ok(response)
}

/// `GET …/computes/{compute}`.
pub(crate) async fn get(call: Call, caller: Caller) -> Answered {
    let (path, name) = (call.workspace(), call.parameter("compute"));
    let (workspace, compute) = call.app().compute_get(&caller, &path, &name).await?;
    let compute = Compute::new(&workspace, &compute);
    let mut response = answer::ok(&compute)?;
    if compute.is_pending() {
        pending::retry_after(&mut response);
    }
    Ok(response)
}

/// Asks a list for computes of one type.
const KIND: &str = "computeType";

/// `GET …/computes`, of one type with `?computeType=…`.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    let path = call.workspace();
    let asked: Page = page::asked(&call)?;
    let workspace = call.app().workspace_get(&caller, &path).await?;
    let kind = match call.query(KIND).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => match computes::wanted_kind(&text) {
            Ok(Some(kind)) => Some(kind),
            Ok(None) => return answer::ok(&ValueList::<Compute>::last(Vec::new())),
            Err(why) => return Err(Refusal::field(KIND, why)),
        },
    };
    let listed = call
        .app()
        .compute_list(&caller, &path, kind, &asked)
        .await?;
    let value = listed
        .items
        .iter()
        .map(|compute| Compute::new(&workspace, compute))
        .collect();
    answer::ok(&ValueList {
        value,
        next_link: listed.next.map(|next| page::next_link(&call, &next)),
    })
}

/// `DELETE …/computes/{compute}?underlyingResourceAction=…`.
pub(crate) async fn delete(call: Call, caller: Caller) -> Answered {
    let removal = removal(&call)?;
    let (path, name) = (call.workspace(), call.parameter("compute"));
    let removed = call
        .app()
        .compute_remove(&caller, &path, &name, removal)
        .await?;
    // SDK v1 raises without an address to poll, also when nothing was there.
    let mut response = match removed {
        Some(_) => answer::empty(StatusCode::ACCEPTED),
        None => answer::empty(StatusCode::NO_CONTENT),
    };
    let url = operation_url(&call, &path, removed.unwrap_or(NOTHING_TO_DO));
    locate(&mut response, &url)?;
    pending::operation(&mut response, url)?;
    Ok(response)
}

fn locate(response: &mut Response<Body>, url: &str) -> Result<(), Refusal> {
    answer::set(response, header::LOCATION, url.to_owned())
}

fn removal(call: &Call) -> Result<Removal, Refusal> {
    const FIELD: &str = "underlyingResourceAction";
    let asked = call.query(FIELD).unwrap_or_default();
    match asked.to_ascii_lowercase().as_str() {
        "delete" => Ok(Removal::Delete),
        "detach" => Ok(Removal::Detach),
        "" => Err(Refusal::field(
            FIELD,
            "is missing from the query; `Delete` removes the cluster too, `Detach` leaves it alone",
        )),
        _ => Err(Refusal::field(
            FIELD,
            format!("{} must be `Delete` or `Detach`", Quoted(&asked)),
        )),
    }
}

/// `POST …/computes/{compute}/listKeys`.
pub(crate) async fn list_keys(call: Call, caller: Caller) -> Answered {
    let (path, name) = (call.workspace(), call.parameter("compute"));
    let credentials = call
        .app()
        .compute_credentials(&caller, &path, &name)
        .await?;
    let user = credentials.user_kubeconfig.as_ref();
    let admin = credentials.admin_kubeconfig.as_ref();
    let (_, compute) = call.app().compute_get(&caller, &path, &name).await?;
    answer::secret(&ComputeKeys::new(
        compute.spec.kind(),
        user.map(|secret| secret.reveal()),
        admin.map(|secret| secret.reveal()),
        &credentials.image_pull_secret_name,
    ))
}

/// Where an operation on a compute is polled.
fn operation_url(call: &Call, path: &WorkspacePath, id: OperationId) -> String {
    format!(
        "{}/subscriptions/{}/resourceGroups/{}/providers/Microsoft.MachineLearningServices/\
         workspaces/{}/computeOperationsStatus/{id}?api-version=2020-02-02",
        call.public_url(),
        encoded(&path.subscription),
        encoded(&path.group),
        encoded(&path.workspace),
    )
}
