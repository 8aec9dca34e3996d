//! Registered models.

use http::StatusCode;
use serde_json::Value;
use wharf_control::models::{ModelChange, ModelFilter, ModelRequest};
use wharf_core::{Error, workspace::Caller};
use wharf_wire::v1::{
    models::{self, NewModel, SaidOfModel},
    services,
};

use super::{ask, gather::Gathered};
use crate::{
    answer::{self, Answered},
    call::Call,
    page::next_link,
};

fn request(model: NewModel) -> ModelRequest {
    let SaidOfModel {
        description,
        tags,
        properties,
        resources,
        extra,
    } = model.said;
    ModelRequest {
        name: model.name,
        url: model.url,
        mime_type: model.mime_type,
        unpack: model.unpack,
        description,
        tags,
        properties,
        framework: model.framework,
        framework_version: model.framework_version,
        resources,
        extra,
    }
}

fn change(said: SaidOfModel) -> ModelChange {
    ModelChange {
        description: said.description,
        tags: said.tags,
        properties: said.properties,
        resources: said.resources,
        extra: said.extra,
    }
}

/// Registers the next version of a model.
pub(super) async fn register(mut call: Call, caller: Caller) -> Answered {
    let body: Value = call.json().await?;
    let request = request(models::read(&body).map_err(Error::Invalid)?);
    let model = call
        .app()
        .model_register(&caller, &call.workspace(), request)
        .await?;
    answer::ok(&models::document(&model))
}

/// The models that a query asks for.
pub(super) async fn list(call: Call, caller: Caller) -> Answered {
    let query = ModelFilter {
        name: ask::one(&call, "name")?,
        tags: ask::labels(&call, "tags")?,
        properties: ask::labels(&call, "properties")?,
        run_id: ask::one(&call, "runId")?,
        dataset: ask::one(&call, "datasetId")?,
        framework: ask::one(&call, "framework")?,
        latest_only: ask::flag(&call, "latestVersionOnly")?,
    };
    let (app, path) = (call.app(), call.workspace());
    let mut gathered = Gathered::new(ask::page(&call)?);
    while let Some(part) = gathered.part() {
        let listed = app.model_list(&caller, &path, &query, &part).await?;
        let items = listed.items.iter();
        let items = items.map(|model| (model.id.to_string(), models::document(model)));
        gathered.add(items.collect(), listed.next.is_none());
    }
    let (documents, next) = gathered.into_parts();
    let next = next.map(|next| next_link(&call, &next));
    answer::ok(&services::page(documents, next))
}

/// One model.
pub(super) async fn get(call: Call, caller: Caller) -> Answered {
    let id = call.parameter("model");
    let model = call
        .app()
        .model_get(&caller, &call.workspace(), &id)
        .await?;
    answer::ok(&models::document(&model))
}

/// Changes what is said of a model.
pub(super) async fn update(mut call: Call, caller: Caller) -> Answered {
    let patch: Value = call.json().await?;
    let (app, path, id) = (call.app(), call.workspace(), call.parameter("model"));
    let model = app.model_get(&caller, &path, &id).await?;
    let said = models::update(&model, &patch).map_err(Error::Invalid)?;
    let model = app.model_update(&caller, &path, &id, change(said)).await?;
    answer::ok(&models::document(&model))
}

/// Deletes a model version.
pub(super) async fn delete(call: Call, caller: Caller) -> Answered {
    let id = call.parameter("model");
    let was_there = call
        .app()
        .model_delete(&caller, &call.workspace(), &id)
        .await?;
    Ok(answer::empty(if was_there {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    }))
}
