//! Resource groups.

use http::StatusCode;
use wharf_core::workspace::Caller;
use wharf_wire::{arm::resource_groups::ResourceGroup, page::ValueList};

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

/// `HEAD …/resourcegroups/{group}`: 204 when it is there, 404 when not.
pub(crate) async fn exists(call: Call, caller: Caller) -> Answered {
    let (subscription, group) = (call.parameter("subscription"), call.parameter("group"));
    call.app()
        .resource_group_get(&caller, &subscription, &group)
        .await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
