//! `GET /discovery/workspaces/{id}`: the address in a workspace's `discoveryUrl`.

use uuid::Uuid;
use wharf_core::{Error, Kind};
use wharf_wire::v1::discovery;

use crate::{
    answer::{self, Answered},
    call::Call,
};

/// The address of a workspace's discovery document.
pub(crate) fn discovery_url(public_url: &str, workspace: Uuid) -> String {
    format!("{public_url}/discovery/workspaces/{workspace}")
}

/// Where the data plane's parts are. Clients ask without a token.
pub(super) async fn get(call: Call) -> Answered {
    let id = call.parameter("id");
    let missing = |_| Error::not_found(Kind::Workspace, id.as_ref());
    call.app()
        .workspace_by_id(id.parse().map_err(missing)?)
        .await?;
    answer::ok(&discovery::document(call.public_url()))
}
