//! Services: endpoints with one deployment or with versions.

use http::{HeaderName, Response, StatusCode};
use serde_json::Value;
use wharf_control::{Written, endpoints::EndpointQuery};
use wharf_core::{Error, endpoint::Endpoint, operation::OperationId, workspace::Caller};
use wharf_wire::v1::{
    operations::plain_log,
    services::{self, ServiceView},
};

use super::{ask, gather::Gathered, place};
use crate::{
    answer::{self, Answered, Body},
    call::Call,
    page::next_link,
    refusal::Refusal,
};

pub(super) const OPERATION_LOCATION: HeaderName = HeaderName::from_static("operation-location");
/// Lines of a log when no number is asked for, and at most.
const USUAL_LINES: usize = 5_000;
const MOST_LINES: usize = 100_000;

/// Names the operation to poll.
pub(super) fn with_operation(
    call: &Call,
    mut response: Response<Body>,
    operation: OperationId,
) -> Answered {
    let location = place::operation(call, operation);
    answer::set(&mut response, OPERATION_LOCATION, location)?;
    Ok(response)
}

async fn view(
    call: &Call,
    endpoint: &Endpoint,
    operation: Option<OperationId>,
    expand: bool,
) -> Result<Value, Refusal> {
    let models = if expand {
        let models = call.app().endpoint_models(std::slice::from_ref(endpoint));
        models.await?.pop().unwrap_or_default()
    } else {
        Vec::new()
    };
    let view = ServiceView {
        endpoint,
        scoring_uri: &call.app().scoring_uri(endpoint),
        models: &models,
        operation,
    };
    Ok(services::document(&view, expand))
}

async fn written(call: &Call, written: Written<Endpoint>) -> Answered {
    let operation = written.operation;
    let document = view(call, &written.resource, Some(operation), true).await?;
    let status = if written.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::ACCEPTED
    };
    with_operation(call, answer::json(status, &document)?, operation)
}

/// Creates a service, or replaces one when the body says so.
pub(super) async fn create(mut call: Call, caller: Caller) -> Answered {
    let body: Value = call.json().await?;
    let request = services::read(&body).map_err(Error::Invalid)?;
    let endpoint = call
        .app()
        .endpoint_create(&caller, &call.workspace(), request)
        .await?;
    written(&call, endpoint).await
}

/// One service.
pub(super) async fn get(call: Call, caller: Caller) -> Answered {
    let (app, name) = (call.app(), call.parameter("service"));
    let expand = ask::flag(&call, "expand")?;
    let endpoint = app.endpoint_get(&caller, &call.workspace(), &name).await?;
    let operation = app.endpoint_operation(&endpoint).await?;
    answer::ok(&view(&call, &endpoint, operation, expand).await?)
}

/// The services that a query asks for.
pub(super) async fn list(call: Call, caller: Caller) -> Answered {
    let expand = ask::flag(&call, "expand")?;
    let kind = ask::one(&call, "computeType")?;
    let query = EndpointQuery {
        is_versioned: kind.as_deref().and_then(services::kind_is_versioned),
        model_name: ask::one(&call, "modelName")?,
        model_id: ask::one(&call, "modelId")?,
        tags: ask::labels(&call, "tags")?,
        properties: ask::labels(&call, "properties")?,
    };
    let page = ask::page(&call)?;
    if asks_for_others(&call)? {
        call.app().workspace_get(&caller, &call.workspace()).await?;
        return answer::ok(&services::page(Vec::new(), None));
    }
    let (app, path) = (call.app(), call.workspace());
    let mut gathered = Gathered::new(page);
    while let Some(part) = gathered.part() {
        let listed = app.endpoint_list(&caller, &path, &query, &part).await?;
        let mut items = Vec::with_capacity(listed.items.len());
        for endpoint in &listed.items {
            let document = view(&call, endpoint, None, expand).await?;
            items.push((endpoint.name.to_string(), document));
        }
        gathered.add(items, listed.next.is_none());
    }
    let (documents, next) = gathered.into_parts();
    let next = next.map(|next| next_link(&call, &next));
    answer::ok(&services::page(documents, next))
}

/// Whether only services are wanted of a kind that there is none of here: those of
/// other computes, and those that run an image.
fn asks_for_others(call: &Call) -> Result<bool, Error> {
    let kind = ask::one(call, "computeType")?;
    let has_image = ask::one(call, "imageName")?.is_some()
        || ask::one(call, "imageId")?.is_some()
        || ask::one(call, "imageDigest")?.is_some();
    Ok(has_image || kind.is_some_and(|kind| services::kind_is_versioned(&kind).is_none()))
}

/// Changes a service.
pub(super) async fn update(mut call: Call, caller: Caller) -> Answered {
    let patch: Value = call.json().await?;
    let (app, path, name) = (call.app(), call.workspace(), call.parameter("service"));
    let endpoint = app.endpoint_get(&caller, &path, &name).await?;
    let request = services::update(&endpoint, &patch).map_err(Error::Invalid)?;
    let updated = app
        .endpoint_update(&caller, &path, &name, endpoint.generation, request)
        .await?;
    written(&call, updated).await
}

/// Deletes a service.
pub(super) async fn delete(call: Call, caller: Caller) -> Answered {
    let name = call.parameter("service");
    let deleted = call
        .app()
        .endpoint_delete(&caller, &call.workspace(), &name)
        .await?;
    match deleted {
        Some(operation) => with_operation(&call, answer::empty(StatusCode::ACCEPTED), operation),
        None => Ok(answer::empty(StatusCode::NO_CONTENT)),
    }
}

/// The last lines of a service's replicas, or of one version's; with `init` those of
/// what went before them, its environment's build.
pub(super) async fn logs(call: Call, caller: Caller) -> Answered {
    let (app, path, name) = (call.app(), call.workspace(), call.parameter("service"));
    let tail = ask::number(&call, "tail", &(1..=MOST_LINES))?.unwrap_or(USUAL_LINES);
    if !ask::flag(&call, "init")? {
        let text = app.endpoint_logs(&caller, &path, &name, tail).await?;
        return answer::ok(&services::logs(&text));
    }
    let (endpoint, _) = app.endpoint_meant(&caller, &path, &name).await?;
    let Some(operation) = app.endpoint_operation(&endpoint).await? else {
        return answer::ok(&services::logs(""));
    };
    let id = operation.to_string();
    let lines = app.operation_log(&caller, &path, &id, 0).await?.lines;
    let first = lines.len().saturating_sub(tail);
    answer::ok(&services::logs(&plain_log(&lines[first..])))
}

/// Moves a service to another compute. One that is there already needs no move.
pub(super) async fn migrate(mut call: Call, caller: Caller) -> Answered {
    let path = call.workspace();
    let workspace = call.app().workspace_get(&caller, &path).await?;
    let body: Value = call.json().await?;
    let migration = services::read_migration(&body).map_err(Error::Invalid)?;
    let app = call.app();
    let target = migration.compute.name();
    if workspace.resource_id().child("computes", target) != migration.compute {
        let message = format!(
            "is in another workspace; a service moves within its own, `{}`",
            workspace.name
        );
        return Err(Error::invalid("computeTarget", message).into());
    }
    let name = migration.service;
    let endpoint = app.endpoint_get(&caller, &path, &name).await?;
    let compute = endpoint.spec.compute_name.as_str();
    if compute.eq_ignore_ascii_case(target) && !endpoint.spec.is_absent {
        return answer::ok(&view(&call, &endpoint, None, true).await?);
    }
    let request = services::moved(&endpoint, target).map_err(Error::Invalid)?;
    let moved = app
        .endpoint_update(&caller, &path, &name, endpoint.generation, request)
        .await?;
    written(&call, moved).await
}
