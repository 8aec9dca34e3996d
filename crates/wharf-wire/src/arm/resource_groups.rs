//! Resource groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
            id: format!(
                "/subscriptions/{}/resourceGroups/{}",
                group.subscription, group.name
            ),
            name: group.name.clone(),
            kind: "Microsoft.Resources/resourceGroups".to_owned(),
            location: group.location.clone(),
            tags: BTreeMap::new(),
            properties: ResourceGroupProperties {
                provisioning_state: "Succeeded".to_owned(),
            },
        }
    }
}
