//! Resource groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_core::{
    compute::MOST_TAGS, finding::Finding, limits::LONGEST_LOCATION, workspace::ResourceGroupRequest,
};

use super::fields::Fields;

/// Reads a PUT of a resource group.
///
/// # Errors
/// Every member with a wrong type.
pub fn parse(document: Value) -> Result<ResourceGroupRequest, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut top = Fields::of(document).map_err(|finding| vec![finding])?;
    let request = ResourceGroupRequest {
        location: top.line("location", LONGEST_LOCATION, &mut findings),
        tags: top.texts("tags", MOST_TAGS, &mut findings),
    };
    if findings.is_empty() {
        Ok(request)
    } else {
        Err(findings)
    }
}

/// A resource group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceGroup {
    /// `/subscriptions/ID/resourceGroups/NAME`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Microsoft.Resources/resourceGroups`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its location.
    pub location: String,
    /// Labels of the user.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// How it stands.
    pub properties: ResourceGroupProperties,
}

/// How a group stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceGroupProperties {
    /// `Succeeded`.
    pub provisioning_state: String,
}

impl From<&wharf_core::workspace::ResourceGroup> for ResourceGroup {
    fn from(group: &wharf_core::workspace::ResourceGroup) -> Self {
        Self {
            id: group.resource_id(),
            name: group.name.clone(),
            kind: "Microsoft.Resources/resourceGroups".to_owned(),
            location: group.location.clone(),
            tags: group.tags.clone(),
            properties: ResourceGroupProperties {
                provisioning_state: "Succeeded".to_owned(),
            },
        }
    }
}
