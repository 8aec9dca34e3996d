//! Images: none are made here. Who lists them sees none, who makes one reads what to
//! do instead.

use wharf_core::{Error, workspace::Caller};
use wharf_wire::v1::images;

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// No images.
pub(super) async fn list(call: Call, caller: Caller) -> Answered {
    call.app().workspace_get(&caller, &call.workspace()).await?;
    answer::ok(&images::none())
}

/// A refusal that helps: to make one, to get one by its id, to change or delete it.
pub(super) async fn refuse(call: Call, caller: Caller) -> Answered {
    call.app().workspace_get(&caller, &call.workspace()).await?;
    let what = images::INSTEAD.to_owned();
    Err(Error::Unsupported { what }.into())
}
