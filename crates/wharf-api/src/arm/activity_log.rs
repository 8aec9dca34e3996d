//! Who did what, in the shape of Azure's activity log.

use wharf_core::{Error, workspace::Caller};
use wharf_wire::{
    arm::activity_log::{Event, read_filter},
    page::ValueList,
};

use crate::{
    answer::{self, Answered},
    call::Call,
    page,
};

/// `GET …/providers/Microsoft.Insights/eventtypes/management/values?$filter=…`.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    let filter = call.query("$filter").unwrap_or_default();
    let filter = read_filter(&filter, &subscription);
    let filter = filter.map_err(|finding| Error::Invalid(vec![finding]))?;
    let asked = page::asked(&call)?;
    let app = call.app();
    let found = app
        .audit_list(&caller, &subscription, filter, &asked)
        .await?;
    let tenant = app.tenant();
    let events = found.entries.iter().map(|entry| Event::new(entry, tenant));
    answer::ok(&ValueList {
        value: events.collect(),
        next_link: found.next.map(|next| page::next_link(&call, &next)),
    })
}
