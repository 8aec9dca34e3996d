//! Resource groups.

use http::StatusCode;
use wharf_core::{Error, workspace::Caller};
use wharf_wire::{
    arm::resource_groups::{self, ResourceGroup},
    page::ValueList,
};

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// `GET …/resourcegroups`.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    let found = call
        .app()
        .resource_group_list(&caller, &subscription)
        .await?;
    let value = found.iter().map(ResourceGroup::from).collect();
    answer::ok(&ValueList::last(value))
}

/// `GET …/resourcegroups/{group}`.
pub(crate) async fn get(call: Call, caller: Caller) -> Answered {
    let (subscription, group) = (call.parameter("subscription"), call.parameter("group"));
    let found = call
        .app()
        .resource_group_get(&caller, &subscription, &group)
        .await?;
    answer::ok(&ResourceGroup::from(&found))
}

/// `PUT …/resourcegroups/{group}`: 201 for a new one, 200 for a change of its labels.
pub(crate) async fn put(mut call: Call, caller: Caller) -> Answered {
    let document = call.resource().await?;
    let request = resource_groups::parse(document).map_err(Error::Invalid)?;
    let (subscription, group) = (call.parameter("subscription"), call.parameter("group"));
    let (group, is_new) = call
        .app()
        .resource_group_put(&caller, &subscription, &group, request)
        .await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    answer::json(status, &ResourceGroup::from(&group))
}

/// `HEAD …/resourcegroups/{group}`: 204 when it is there, 404 when not.
pub(crate) async fn exists(call: Call, caller: Caller) -> Answered {
    let (subscription, group) = (call.parameter("subscription"), call.parameter("group"));
    call.app()
        .resource_group_get(&caller, &subscription, &group)
        .await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
