//! Kubernetes versions, in the shape of today and in the older one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_core::kubernetes_version::{self as core, KubernetesVersion, OfferedVersion};

/// `…/kubernetesVersions`: minors with their patches. The key is `values`, not
/// `value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubernetesVersions {
    /// Minors, newest first.
    pub values: Vec<MinorVersion>,
}

/// One minor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MinorVersion {
    /// For example `1.34`.
    pub version: String,
    /// Used when a request names none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_default: bool,
    /// Not yet for production.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_preview: bool,
    /// How it is supported.
    pub capabilities: Capabilities,
    /// Its patches.
    pub patch_versions: BTreeMap<String, PatchVersion>,
}

/// How a version is supported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// `KubernetesOfficial`.
    pub support_plan: Vec<String>,
}

/// One patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchVersion {
    /// What it can be upgraded to.
    pub upgrades: Vec<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn upgrades_of(versions: &core::KubernetesVersions, from: KubernetesVersion) -> Vec<String> {
    let upgrades = versions.upgrades(from);
    upgrades.iter().map(ToString::to_string).collect()
}

impl From<&core::KubernetesVersions> for KubernetesVersions {
    fn from(versions: &core::KubernetesVersions) -> Self {
        let mut values: Vec<MinorVersion> = Vec::new();
        for patch in versions.offered() {
            let minor = format!("{}.{}", patch.version.major, patch.version.minor);
            let known = values.iter().position(|value| value.version == minor);
            let index = known.unwrap_or_else(|| {
                values.push(MinorVersion {
                    version: minor,
                    is_default: false,
                    is_preview: false,
                    capabilities: Capabilities {
                        support_plan: vec!["KubernetesOfficial".to_owned()],
                    },
                    patch_versions: BTreeMap::new(),
                });
                values.len() - 1
            });
            let value = &mut values[index];
            value.is_default |= patch.is_default;
            value.is_preview |= patch.is_preview;
            value.patch_versions.insert(
                patch.version.to_string(),
                PatchVersion {
                    upgrades: upgrades_of(versions, patch.version),
                },
            );
        }
        Self { values }
    }
}

/// `…/orchestrators?resource-type=managedClusters`: patches in one list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orchestrators {
    /// Its ARM id.
    pub id: String,
    /// `default`.
    pub name: String,
    /// `Microsoft.ContainerService/locations/orchestrators`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The list.
    pub properties: OrchestratorList,
}

/// The list itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrchestratorList {
    /// Patches, newest first.
    pub orchestrators: Vec<Orchestrator>,
}

/// One patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Orchestrator {
    /// `Kubernetes`.
    pub orchestrator_type: String,
    /// For example `1.34.2`.
    pub orchestrator_version: String,
    /// Used when a request names none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub default: bool,
    /// Not yet for production.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_preview: bool,
    /// What it can be upgraded to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upgrades: Vec<Orchestrator>,
}

impl Orchestrator {
    fn new(version: String) -> Self {
        Self {
            orchestrator_type: "Kubernetes".to_owned(),
            orchestrator_version: version,
            default: false,
            is_preview: false,
            upgrades: Vec::new(),
        }
    }
}

impl Orchestrators {
    /// What is offered at a location.
    pub fn new(subscription: &str, location: &str, versions: &core::KubernetesVersions) -> Self {
        let orchestrator = |offered: &OfferedVersion| Orchestrator {
            default: offered.is_default,
            is_preview: offered.is_preview,
            upgrades: upgrades_of(versions, offered.version)
                .into_iter()
                .map(Orchestrator::new)
                .collect(),
            ..Orchestrator::new(offered.version.to_string())
        };
        Self {
            id: format!(
                "/subscriptions/{subscription}/providers/Microsoft.ContainerService/locations/\
                 {location}/orchestrators"
            ),
            name: "default".to_owned(),
            kind: "Microsoft.ContainerService/locations/orchestrators".to_owned(),
            properties: OrchestratorList {
                orchestrators: versions.offered().iter().map(orchestrator).collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minors_keep_their_order_and_one_is_the_default() {
        let versions = KubernetesVersions::from(&core::KubernetesVersions::builtin());
        let minors: Vec<_> = versions.values.iter().map(|v| v.version.as_str()).collect();
        assert_eq!(minors, ["1.36", "1.35", "1.34", "1.33"]);
        let defaults: Vec<_> = versions.values.iter().filter(|v| v.is_default).collect();
        assert_eq!(defaults.len(), 1);
        assert_eq!(defaults[0].version, "1.34");
    }
}
