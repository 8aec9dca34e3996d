//! Resources of any type in one list.

use wharf_control::Page;
use wharf_core::{Error, workspace::Caller};
use wharf_wire::{
    arm::resources::{GenericResource, ResourceFilter},
    page::ValueList,
};

use crate::{
    answer::{self, Answered},
    call::Call,
    page,
};

/// `GET /subscriptions/{subscription}/resources?$filter=…`.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    listed(&call, &caller, None).await
}

/// `GET …/resourceGroups/{group}/resources?$filter=…`.
pub(crate) async fn list_in_group(call: Call, caller: Caller) -> Answered {
    let group = call.parameter("group");
    listed(&call, &caller, Some(&group)).await
}

/// Workspaces page by page; the clusters, of which there are few, end the last page.
async fn listed(call: &Call, caller: &Caller, group: Option<&str>) -> Answered {
    let filter = match call.query("$filter") {
        Some(text) => {
            ResourceFilter::parse(&text).map_err(|finding| Error::Invalid(vec![finding]))?
        }
        None => ResourceFilter::default(),
    };
    let (app, subscription) = (call.app(), call.parameter("subscription"));
    let group = group.or(filter.resource_group.as_deref());
    let asked: Page = page::asked(call)?;
    let mut value = Vec::new();
    let mut next = None;
    if filter.wants_type("Microsoft.MachineLearningServices/workspaces") {
        let workspaces = app
            .workspace_list(caller, &subscription, group, &asked)
            .await?;
        value.extend(
            workspaces.items.iter().map(|found| {
                GenericResource::new(&found.resource_id(), &found.location, &found.tags)
            }),
        );
        next = workspaces.next;
    }
    if next.is_none() {
        let clusters = app
            .managed_cluster_list(caller, &subscription, group)
            .await?;
        value.extend(clusters.iter().map(|found| {
            GenericResource::new(&found.resource_id(), &found.spec.location, &found.spec.tags)
        }));
    }
    value.retain(|resource| filter.wants(resource));
    answer::ok(&ValueList {
        value,
        next_link: next.map(|next| page::next_link(call, &next)),
    })
}
