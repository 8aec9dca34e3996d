//! Workspaces: make, change, read, list, remove.

use http::StatusCode;
use wharf_core::{Error, workspace::Caller};
use wharf_wire::{
    arm::workspaces::{self, Workspace},
    page::ValueList,
};

use crate::{
    answer::{self, Answered},
    call::Call,
    page, v1,
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

/// `PUT …/workspaces/{workspace}`: 201 for a new one, 200 for a change.
pub(crate) async fn put(mut call: Call, caller: Caller) -> Answered {
    let document = call.resource().await?;
    let request = workspaces::parse(document).map_err(Error::Invalid)?;
    let path = call.workspace();
    let (workspace, is_new) = call.app().workspace_put(&caller, &path, request).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    answer::json(status, &shape(&call, &workspace))
}

/// `PATCH …/workspaces/{workspace}`.
pub(crate) async fn update(mut call: Call, caller: Caller) -> Answered {
    let document = call.resource().await?;
    let request = workspaces::parse(document).map_err(Error::Invalid)?;
    let path = call.workspace();
    let workspace = call.app().workspace_update(&caller, &path, request).await?;
    answer::ok(&shape(&call, &workspace))
}

/// `DELETE …/workspaces/{workspace}`: done when it is answered.
pub(crate) async fn delete(call: Call, caller: Caller) -> Answered {
    let path = call.workspace();
    let was_there = call.app().workspace_delete(&caller, &path).await?;
    let status = if was_there {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    };
    Ok(answer::empty(status))
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
    let asked = page::asked(call)?;
    let listed = call
        .app()
        .workspace_list(caller, &subscription, group, &asked)
        .await?;
    let value = listed.items.iter().map(|it| shape(call, it)).collect();
    answer::ok(&ValueList {
        value,
        next_link: listed.next.map(|next| page::next_link(call, &next)),
    })
}
