//! The part of a compute that only a Kubernetes one has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wharf_core::{
    compute::{InstanceType as Core, KubernetesRequest, KubernetesSettings, MOST_INSTANCE_TYPES},
    finding::Finding,
};

use crate::arm::fields::Fields;

/// Most labels and quantities of one type of instances.
const MOST_OF_TYPE: usize = 50;

/// What a Kubernetes compute has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesProperties {
    /// Where its workloads run.
    pub namespace: String,
    /// The type of workloads that name none.
    pub default_instance_type: String,
    /// Types by name.
    pub instance_types: BTreeMap<String, InstanceType>,
    /// What Wharf does not interpret.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Which nodes, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceType {
    /// Labels of the nodes.
    pub node_selector: BTreeMap<String, String>,
    /// How much.
    pub resources: InstanceResources,
}

/// How much of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceResources {
    /// What is set aside.
    pub requests: BTreeMap<String, String>,
    /// What may be used.
    pub limits: BTreeMap<String, String>,
}

impl KubernetesProperties {
    pub(super) fn new(settings: &KubernetesSettings, extra: Map<String, Value>) -> Self {
        let shown = |(name, it): (&String, &Core)| {
            let shown = InstanceType {
                node_selector: it.node_selector.clone(),
                resources: InstanceResources {
                    requests: it.requests.clone(),
                    limits: it.limits.clone(),
                },
            };
            (name.clone(), shown)
        };
        Self {
            namespace: settings.namespace.to_string(),
            default_instance_type: settings.default_instance_type.clone(),
            instance_types: settings.instance_types.iter().map(shown).collect(),
            extra,
        }
    }
}

/// Reads the inner properties of a Kubernetes compute.
pub(super) fn read(inner: &mut Fields, findings: &mut Vec<Finding>) -> KubernetesRequest {
    KubernetesRequest {
        namespace: inner.text("namespace", findings),
        default_instance_type: inner.text("defaultInstanceType", findings),
        instance_types: instance_types(inner, findings),
    }
}

fn instance_types(
    inner: &mut Fields,
    findings: &mut Vec<Finding>,
) -> Option<BTreeMap<String, Core>> {
    let types = inner.objects("instanceTypes", MOST_INSTANCE_TYPES, findings)?;
    let mut found = BTreeMap::new();
    for (name, mut fields) in types {
        let mut texts = |fields: &mut Fields, name: &str| {
            fields
                .texts(name, MOST_OF_TYPE, findings)
                .unwrap_or_default()
        };
        let node_selector = texts(&mut fields, "nodeSelector");
        let mut resources = fields.object("resources", findings);
        let mut texts = |name: &str| {
            resources
                .texts(name, MOST_OF_TYPE, findings)
                .unwrap_or_default()
        };
        let (requests, limits) = (texts("requests"), texts("limits"));
        let instance_type = Core {
            node_selector,
            requests,
            limits,
        };
        found.insert(name, instance_type);
    }
    Some(found)
}
