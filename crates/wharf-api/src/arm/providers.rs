//! Resource providers and locations.

use std::collections::BTreeSet;

use http::StatusCode;
use wharf_core::workspace::Caller;
use wharf_wire::{
    arm::providers::{Location, Provider, REGIONS},
    page::ValueList,
};

use crate::{
    answer::{self, Answered},
    call::Call,
    refusal::Refusal,
};

/// Where things can be: where the subscription has a group, and then the regions that
/// documented scripts name.
async fn locations_of(call: &Call, caller: &Caller) -> Result<Vec<String>, Refusal> {
    let subscription = call.parameter("subscription");
    let groups = call
        .app()
        .resource_group_list(caller, &subscription)
        .await?;
    let own: BTreeSet<_> = groups.into_iter().map(|group| group.location).collect();
    let regions = REGIONS.iter().map(|region| (*region).to_owned());
    let regions: Vec<_> = regions.filter(|region| !own.contains(region)).collect();
    Ok(own.into_iter().chain(regions).collect())
}

/// `GET …/providers`.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    let locations = locations_of(&call, &caller).await?;
    let value = Provider::all(&call.parameter("subscription"), &locations);
    answer::ok(&ValueList::last(value))
}

/// `GET …/providers/{provider}`.
pub(crate) async fn get(call: Call, caller: Caller) -> Answered {
    let locations = locations_of(&call, &caller).await?;
    let name = call.parameter("provider");
    let found = Provider::find(&call.parameter("subscription"), &locations, &name);
    let provider = found.ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "InvalidResourceNamespace",
            format!("resource provider `{name}` was not found"),
        )
    })?;
    answer::ok(&provider)
}

/// `GET …/locations`.
pub(crate) async fn locations(call: Call, caller: Caller) -> Answered {
    let locations = locations_of(&call, &caller).await?;
    let subscription = call.parameter("subscription");
    let value = locations
        .iter()
        .map(|name| Location::new(&subscription, name))
        .collect();
    answer::ok(&ValueList::last(value))
}
