//! What else SDK v1 asks of a workspace: things that Wharf has none of, answered as
//! such, and things that it does not do, refused with what to do instead.

use http::StatusCode;
use serde_json::Value;
use wharf_core::{Error, workspace::Caller};
use wharf_wire::{
    arm::workspace_actions::{Diagnosis, WorkspaceKeys},
    page::ValueList,
};

use crate::{
    answer::{self, Answered},
    call::Call,
    refusal::Refusal,
};

/// `POST …/workspaces/{workspace}/resynckeys`: there are no keys of other services to
/// take over.
pub(crate) async fn resync_keys(call: Call, caller: Caller) -> Answered {
    call.app().workspace_get(&caller, &call.workspace()).await?;
    Ok(answer::empty(StatusCode::OK))
}

/// `POST …/workspaces/{workspace}/listKeys`.
pub(crate) async fn list_keys(call: Call, caller: Caller) -> Answered {
    let workspace = call.app().workspace_get(&caller, &call.workspace()).await?;
    answer::secret(&WorkspaceKeys::from(&workspace))
}

/// `POST …/workspaces/{workspace}/diagnose`: nothing that it would look at is there to
/// be wrong.
pub(crate) async fn diagnose(call: Call, caller: Caller) -> Answered {
    call.app().workspace_get(&caller, &call.workspace()).await?;
    answer::ok(&Diagnosis::default())
}

/// `GET …/workspaces/{workspace}/connections`: none. The version that SDK v1 asks for
/// is a plain list.
pub(crate) async fn connections(call: Call, caller: Caller) -> Answered {
    call.app().workspace_get(&caller, &call.workspace()).await?;
    let version = call.query("api-version");
    if version.is_some_and(|version| version.starts_with("2020-")) {
        return answer::ok(&Vec::<Value>::new());
    }
    answer::ok(&ValueList::<Value>::last(Vec::new()))
}

/// `GET …/workspaces/{workspace}/connections/{connection}`: there is none.
pub(crate) async fn connection(call: Call, caller: Caller) -> Answered {
    call.app().workspace_get(&caller, &call.workspace()).await?;
    let name = call.parameter("connection");
    Err(Refusal::new(
        StatusCode::NOT_FOUND,
        "ResourceNotFound",
        format!("connection `{name}` was not found"),
    ))
}

/// `PUT …/workspaces/{workspace}/connections/{connection}`.
pub(crate) async fn put_connection(call: Call, caller: Caller) -> Answered {
    call.app().workspace_get(&caller, &call.workspace()).await?;
    Err(Error::Unsupported {
        what: "connections of a workspace are not supported; give an environment the addresses \
               and credentials of package indexes in its specification"
            .to_owned(),
    }
    .into())
}

/// `DELETE …/connections/{connection}` and `…/privateEndpointConnections/{connection}`:
/// what is not there is deleted.
pub(crate) async fn delete_connection(call: Call, caller: Caller) -> Answered {
    call.app().workspace_get(&caller, &call.workspace()).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
