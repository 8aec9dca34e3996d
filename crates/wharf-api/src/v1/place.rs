//! Addresses in answers: all absolute, built from the server's public address.

use wharf_control::sas::Permission;
use wharf_core::{model::ArtifactPath, operation::OperationId, workspace::Workspace};

use crate::{call::Call, page::encoded};

/// The storage account of every workspace: the first label of blob hosts.
const ACCOUNT: &str = "wharf";
/// Where the bytes of an artifact are read or written. The SDK takes the address
/// apart and wants `https://ACCOUNT.blob.HOST/CONTAINER/BLOB?SIGNATURE`.
pub(super) fn content_uri(
    call: &Call,
    workspace: &Workspace,
    artifact: &ArtifactPath,
    permission: Permission,
) -> String {
    let app = call.app();
    let grant = app.sas_grant(workspace.id, artifact.clone(), permission);
    let host = call.public_url().trim_start_matches("https://");
    let blob: Vec<_> = artifact
        .to_string()
        .split('/')
        .map(|part| encoded(part).to_string())
        .collect();
    format!(
        "https://{ACCOUNT}.blob.{host}/{}/{}?{}",
        workspace.id.simple(),
        blob.join("/"),
        app.sas_sign(&grant)
    )
}

/// The workspace's part of model management.
fn model_management(call: &Call) -> String {
    let path = call.workspace();
    format!(
        "{}/modelmanagement/v1.0/subscriptions/{}/resourceGroups/{}/providers/\
         Microsoft.MachineLearningServices/workspaces/{}",
        call.public_url(),
        encoded(&path.subscription),
        encoded(&path.group),
        encoded(&path.workspace)
    )
}

/// Where an operation is polled. The SDK takes the last segment alone, so nothing
/// may follow it.
pub(super) fn operation(call: &Call, id: OperationId) -> String {
    format!("{}/operations/{id}", model_management(call))
}

/// Where an operation's whole log is.
pub(super) fn operation_log(call: &Call, id: OperationId) -> String {
    format!("{}/log", operation(call, id))
}

/// A service.
pub(super) fn service(call: &Call, name: &str) -> String {
    format!("{}/services/{}", model_management(call), encoded(name))
}
