//! Datasets and datastores: none are kept. Lists are empty, names are not found, and
//! what would make one is refused with what to do instead.

use serde_json::json;
use wharf_core::{Error, Kind, workspace::Caller};

use crate::{
    answer::{self, Answered},
    call::Call,
};

async fn check_workspace(call: &Call, caller: &Caller) -> wharf_core::Result<()> {
    call.app().workspace_get(caller, &call.workspace()).await?;
    Ok(())
}

/// An empty page.
pub(super) async fn list(call: Call, caller: Caller) -> Answered {
    check_workspace(&call, &caller).await?;
    answer::ok(&json!({"value": [], "continuationToken": null}))
}

/// A dataset by its id or name.
pub(super) async fn get_dataset(call: Call, caller: Caller) -> Answered {
    check_workspace(&call, &caller).await?;
    let name = call.parameter("dataset");
    let name = name.rsplit_once('=').map_or(&*name, |(_, name)| name);
    Err(Error::not_found(Kind::Dataset, name).into())
}

/// A datastore by its name.
pub(super) async fn get_datastore(call: Call, caller: Caller) -> Answered {
    check_workspace(&call, &caller).await?;
    Err(Error::not_found(Kind::Datastore, call.parameter("datastore")).into())
}

/// The default datastore: there is none.
pub(super) async fn get_default_datastore(call: Call, caller: Caller) -> Answered {
    check_workspace(&call, &caller).await?;
    Err(Error::not_found(Kind::Datastore, "default").into())
}

/// Making a dataset or a datastore: refused.
pub(super) async fn refuse(call: Call, caller: Caller) -> Answered {
    check_workspace(&call, &caller).await?;
    Err(Error::Unsupported {
        what: "datasets and datastores are not kept here: register files as a model, or put them \
               beside the entry script with source_directory of InferenceConfig"
            .to_owned(),
    }
    .into())
}
