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

/// Stands before the place of a cluster where the next page begins; no resource group's
/// name has it, so that places of workspaces differ.
const CLUSTERS: char = ':';

/// First all workspaces, then all clusters, page by page.
async fn listed(call: &Call, caller: &Caller, group: Option<&str>) -> Answered {
    let filter = match call.query("$filter") {
        Some(text) => {
            ResourceFilter::parse(&text).map_err(|finding| Error::Invalid(vec![finding]))?
        }
        None => ResourceFilter::default(),
    };
    let (app, subscription) = (call.app(), call.parameter("subscription"));
    let group = group.or(filter.resource_group.as_deref());
    let mut asked: Page = page::asked(call)?;
    let mut value = Vec::new();
    let mut next = None;
    let place = asked.after.as_deref();
    let cluster = place.and_then(|place| place.strip_prefix(CLUSTERS));
    let cluster = cluster.map(str::to_owned);
    if cluster.is_none() && filter.wants_type("Microsoft.MachineLearningServices/workspaces") {
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
    let room = asked
        .limit
        .saturating_sub(u32::try_from(value.len()).unwrap_or(u32::MAX));
    let wants_clusters = filter.wants_type("Microsoft.ContainerService/managedClusters");
    if next.is_none() && wants_clusters && room == 0 {
        next = Some(CLUSTERS.to_string());
    } else if next.is_none() && wants_clusters {
        (asked.after, asked.limit) = (cluster.filter(|place| !place.is_empty()), room);
        let clusters = app
            .managed_cluster_list(caller, &subscription, group, &asked)
            .await?;
        value.extend(clusters.items.iter().map(|found| {
            GenericResource::new(&found.resource_id(), &found.spec.location, &found.spec.tags)
        }));
        next = clusters.next.map(|place| format!("{CLUSTERS}{place}"));
    }
    value.retain(|resource| filter.wants(resource));
    answer::ok(&ValueList {
        value,
        next_link: next.map(|next| page::next_link(call, &next)),
    })
}
