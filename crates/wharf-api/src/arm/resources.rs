//! Resources of any type in one list.

use std::collections::BTreeMap;

use wharf_core::{Error, workspace::Caller};
use wharf_wire::{
    arm::resources::{GenericResource, ResourceFilter},
    page::ValueList,
};

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// `GET /subscriptions/{subscription}/resources?$filter=…`.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    let filter = match call.query("$filter") {
        Some(text) => {
            ResourceFilter::parse(&text).map_err(|finding| Error::Invalid(vec![finding]))?
        }
        None => ResourceFilter::default(),
    };
    let (app, subscription) = (call.app(), call.parameter("subscription"));
    let group = filter.resource_group.as_deref();
    let workspaces = app.workspace_list(&caller, &subscription, group).await?;
    let clusters = app
        .managed_cluster_list(&caller, &subscription, group)
        .await?;
    let none = BTreeMap::new();
    let mut value: Vec<_> = workspaces
        .iter()
        .map(|found| GenericResource::new(&found.resource_id(), &found.location, &none))
        .collect();
    value.extend(clusters.iter().map(|found| {
        GenericResource::new(&found.resource_id(), &found.spec.location, &found.spec.tags)
    }));
    value.retain(|resource| filter.wants(resource));
    answer::ok(&ValueList::last(value))
}
