//! What SDK v1 reads of a workspace beside the workspace itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What `listKeys` of a workspace answers. Keys of stores and registries are not there:
/// Wharf has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceKeys {
    /// The store that the workspace was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_storage_resource_id: Option<String>,
}

impl From<&wharf_core::workspace::Workspace> for WorkspaceKeys {
    fn from(workspace: &wharf_core::workspace::Workspace) -> Self {
        let store = workspace.kept.properties.get("storageAccount");
        Self {
            user_storage_resource_id: store.and_then(Value::as_str).map(str::to_owned),
        }
    }
}

/// What `diagnose` answers: nothing is wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// By what was looked at.
    pub value: DiagnosisResults,
}

/// What is wrong, by what was looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiagnosisResults {
    /// Routes.
    pub user_defined_route_results: Vec<Value>,
    /// Rules of networks.
    pub network_security_rule_results: Vec<Value>,
    /// Locks.
    pub resource_lock_results: Vec<Value>,
    /// Names.
    pub dns_resolution_results: Vec<Value>,
    /// The store.
    pub storage_account_results: Vec<Value>,
    /// The vault.
    pub key_vault_results: Vec<Value>,
    /// The registry of images.
    pub container_registry_results: Vec<Value>,
    /// Telemetry.
    pub application_insights_results: Vec<Value>,
    /// Anything else.
    pub other_results: Vec<Value>,
}
