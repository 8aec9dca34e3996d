//! Resource providers and locations: what exists, and where.

use serde::{Deserialize, Serialize};
use wharf_core::resource_id::{CONTAINER_SERVICE, MACHINE_LEARNING};

/// A namespace of resource types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// `/subscriptions/ID/providers/NAMESPACE`.
    pub id: String,
    /// For example `Microsoft.ContainerService`.
    pub namespace: String,
    /// `Registered`: there is nothing to register.
    pub registration_state: String,
    /// What it has.
    pub resource_types: Vec<ResourceType>,
}

/// One type of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceType {
    /// For example `workspaces/computes`.
    pub resource_type: String,
    /// Where it can be. SDK v1 refuses to make a workspace anywhere else.
    pub locations: Vec<String>,
    /// Versions that clients may name; the server ignores which.
    pub api_versions: Vec<String>,
}

/// Regions of the public cloud, so that a script which says where its workspace is to
/// be runs as it is written: SDK v1 refuses a place that the provider does not list. To
/// Wharf a location is a label.
pub const REGIONS: [&str; 41] = [
    "australiacentral",
    "australiaeast",
    "australiasoutheast",
    "brazilsouth",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "chinaeast2",
    "chinanorth3",
    "eastasia",
    "eastus",
    "eastus2",
    "francecentral",
    "germanywestcentral",
    "israelcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "koreacentral",
    "mexicocentral",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southcentralus",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "switzerlandnorth",
    "uaenorth",
    "uksouth",
    "ukwest",
    "westcentralus",
    "westeurope",
    "westus",
    "westus2",
    "westus3",
];

/// A namespace and its types, each with the version that a client sends.
type Known = (&'static str, &'static [(&'static str, &'static str)]);

const KNOWN: &[Known] = &[
    (
        MACHINE_LEARNING,
        &[
            ("workspaces", "2022-05-01"),
            ("workspaces/computes", "2020-02-02"),
        ],
    ),
    (
        "Microsoft.Resources",
        &[
            ("deployments", "2025-04-01"),
            ("resourceGroups", "2025-04-01"),
        ],
    ),
    (
        CONTAINER_SERVICE,
        &[
            ("managedClusters", "2026-06-01"),
            ("locations/orchestrators", "2019-08-01"),
            ("locations/kubernetesVersions", "2026-06-01"),
        ],
    ),
];

impl Provider {
    /// All namespaces, each type in all `locations`.
    pub fn all(subscription: &str, locations: &[String]) -> Vec<Self> {
        let provider = |(namespace, types): &Known| Self {
            id: format!("/subscriptions/{subscription}/providers/{namespace}"),
            namespace: (*namespace).to_owned(),
            registration_state: "Registered".to_owned(),
            resource_types: types
                .iter()
                .map(|(name, version)| ResourceType {
                    resource_type: (*name).to_owned(),
                    locations: locations.to_vec(),
                    api_versions: vec![(*version).to_owned()],
                })
                .collect(),
        };
        KNOWN.iter().map(provider).collect()
    }

    /// The namespace `name`, in any case.
    pub fn find(subscription: &str, locations: &[String], name: &str) -> Option<Self> {
        Self::all(subscription, locations)
            .into_iter()
            .find(|provider| provider.namespace.eq_ignore_ascii_case(name))
    }
}

/// A place where resources can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// `/subscriptions/ID/locations/NAME`.
    pub id: String,
    /// The name that requests use.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// What people read where space allows.
    pub regional_display_name: String,
}

impl Location {
    /// The location `name` as a subscription sees it.
    pub fn new(subscription: &str, name: &str) -> Self {
        Self {
            id: format!("/subscriptions/{subscription}/locations/{name}"),
            name: name.to_owned(),
            display_name: name.to_owned(),
            regional_display_name: name.to_owned(),
        }
    }
}
