//! Workspaces.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A workspace. What SDK v1 needs of it: `location`, `name`, `id`,
/// `properties.workspaceId` and `properties.discoveryUrl`; it reads `sku.tier`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Microsoft.MachineLearningServices/workspaces`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its location.
    pub location: String,
    /// Labels of the user.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What it costs: nothing.
    pub sku: Sku,
    /// Everything else.
    pub properties: WorkspaceProperties,
}

/// A price list's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sku {
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: String,
}

/// Everything else of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceProperties {
    /// Its GUID.
    pub workspace_id: String,
    /// What people read instead of the name.
    pub friendly_name: String,
    /// Free text.
    pub description: String,
    /// When it was made.
    pub creation_time: Timestamp,
    /// Where its data plane says which hosts it has; clients use it as it is.
    pub discovery_url: String,
    /// `Succeeded`.
    pub provisioning_state: String,
    /// No customer data of high impact.
    pub hbi_workspace: bool,
}

impl Workspace {
    /// A workspace whose data plane is described at `discovery_url`.
    pub fn new(workspace: &wharf_core::workspace::Workspace, discovery_url: String) -> Self {
        let id = workspace.resource_id();
        Self {
            kind: id.resource_type(),
            id: id.to_string(),
            name: workspace.name.to_string(),
            location: workspace.location.clone(),
            tags: BTreeMap::new(),
            sku: Sku {
                name: "Basic".to_owned(),
                tier: "Basic".to_owned(),
            },
            properties: WorkspaceProperties {
                workspace_id: workspace.id.to_string(),
                friendly_name: workspace.friendly_name.clone(),
                description: workspace.description.clone(),
                creation_time: workspace.created_at,
                discovery_url,
                provisioning_state: "Succeeded".to_owned(),
                hbi_workspace: false,
            },
        }
    }
}
