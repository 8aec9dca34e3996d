//! `validate/*`: would this be accepted? A 200 with an `error` says no; the SDK
//! skips every other answer.

use serde_json::{Value, json};
use wharf_core::{Error, Kind, Result, workspace::Caller};
use wharf_wire::v1::{
    errors::validation,
    services::{self, Validation},
};

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// What would be refused is a "no"; what is missing around it, or wrong with this
/// question, stays an error.
fn verdict(result: Result<()>) -> Answered {
    let error = match result {
        Ok(()) => return answer::ok(&json!({})),
        Err(error) => error,
    };
    let details = match &error {
        Error::Invalid(details) => details.as_slice(),
        Error::Conflict { .. } | Error::Unsupported { .. } => &[],
        Error::NotFound { kind, .. } if *kind == Kind::Endpoint => &[],
        _ => return Err(error.into()),
    };
    answer::ok(&validation(&error.to_string(), details))
}

/// Whether a name can be given to a new service.
pub(super) async fn name(call: Call, caller: Caller) -> Answered {
    let name = call.parameter("service");
    verdict(
        call.app()
            .endpoint_name_check(&caller, &call.workspace(), &name)
            .await,
    )
}

/// Whether a create, an update or a delete would be accepted.
pub(super) async fn request(mut call: Call, caller: Caller) -> Answered {
    let body: Value = call.json().await?;
    verdict(check(&call, &caller, &body).await)
}

async fn check(call: &Call, caller: &Caller, body: &Value) -> Result<()> {
    let (app, path) = (call.app(), call.workspace());
    app.workspace_get(caller, &path).await?;
    match services::read_validation(body).map_err(Error::Invalid)? {
        Validation::Create(request) => app.endpoint_check(caller, &path, &request, false).await,
        Validation::Update { name, patch } => {
            let endpoint = app.endpoint_get(caller, &path, &name).await?;
            let request = services::update(&endpoint, &patch).map_err(Error::Invalid)?;
            app.endpoint_check(caller, &path, &request, true).await
        }
        // Deleting what is not there is fine.
        Validation::Delete { .. } => Ok(()),
    }
}

/// Whether the cluster has room for a create body.
pub(super) async fn resource(mut call: Call, caller: Caller) -> Answered {
    let body: Value = call.json().await?;
    verdict(check_create(&call, &caller, &body).await)
}

async fn check_create(call: &Call, caller: &Caller, body: &Value) -> Result<()> {
    let (app, path) = (call.app(), call.workspace());
    app.workspace_get(caller, &path).await?;
    let request = services::read(body).map_err(Error::Invalid)?;
    app.endpoint_check(caller, &path, &request, false).await
}
