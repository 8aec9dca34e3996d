//! Workspaces.

use wharf_core::workspace::Caller;
use wharf_wire::{arm::workspaces::Workspace, page::ValueList};

use crate::{
    answer::{self, Answered},
    call::Call,
    v1,
};

fn shape(call: &Call, workspace: &wharf_core::workspace::Workspace) -> Workspace {
    let discovery_url = v1::discovery_url(call.public_url(), workspace.id);
    Workspace::new(workspace, discovery_url)
}

/// `GET …/workspaces/{workspace}`.
pub(crate) async fn get(call: Call, caller: Caller) -> Answered {
    let found = call.app().workspace_get(&caller, &call.workspace()).await?;
    answer::ok(&shape(&call, &found))
}

/// `GET …/resourceGroups/{group}/…/workspaces`.
pub(crate) async fn list_in_group(call: Call, caller: Caller) -> Answered {
    let group = call.parameter("group");
    listed(&call, &caller, Some(&group)).await
}

/// `GET /subscriptions/{subscription}/…/workspaces`.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    listed(&call, &caller, None).await
}

async fn listed(call: &Call, caller: &Caller, group: Option<&str>) -> Answered {
    let subscription = call.parameter("subscription");
    let found = call
        .app()
        .workspace_list(caller, &subscription, group)
        .await?;
    let value = found.iter().map(|found| shape(call, found)).collect();
    answer::ok(&ValueList::last(value))
}
