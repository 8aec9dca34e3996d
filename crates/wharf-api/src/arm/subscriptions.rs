//! Subscriptions and tenants.

use wharf_core::workspace::Caller;
use wharf_wire::{
    arm::subscriptions::{Subscription, Tenant},
    page::ValueList,
};

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// `GET /subscriptions`.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    let found = call.app().subscription_list(&caller).await?;
    let value = found.iter().map(Subscription::from).collect();
    answer::ok(&ValueList::last(value))
}

/// `GET /subscriptions/{subscription}`.
pub(crate) async fn get(call: Call, caller: Caller) -> Answered {
    let id = call.parameter("subscription");
    let found = call.app().subscription_get(&caller, &id).await?;
    answer::ok(&Subscription::from(&found))
}

/// `GET /tenants`: there is one.
pub(crate) async fn tenants(call: Call, _caller: Caller) -> Answered {
    let tenant = Tenant::from(call.app().tenant());
    answer::ok(&ValueList::last(vec![tenant]))
}
