//! Managed clusters, `Microsoft.ContainerService/managedClusters`.
//!
//! An import is a PUT with one member that AKS does not have:
//! `{"location"?, "tags"?, "properties": {"importProfile": {"kubeconfig": TEXT},
//! "kubernetesVersion"?, "agentPoolProfiles"?: [{"count"?, "vmSize"?}]}}`, where
//! TEXT is a kubeconfig as a file holds it. Only `listClusterUserCredential` gives
//! it back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;
use wharf_core::{
    Secret,
    compute::{MOST_TAGS, ProvisioningState},
    finding::Finding,
    limits::LONGEST_LOCATION,
    managed_cluster::ManagedCluster,
};

use super::fields::{Fields, check_kept};

/// A PUT of a managed cluster, parsed but not checked.
#[derive(Debug, Clone, Default)]
pub struct ClusterRequest {
    /// Its location.
    pub location: Option<String>,
    /// Labels of the user.
    pub tags: Option<BTreeMap<String, String>>,
    /// Number of nodes of the first pool.
    pub node_count: Option<i64>,
    /// Size of its nodes.
    pub vm_size: Option<String>,
    /// Its Kubernetes version.
    pub kubernetes_version: Option<String>,
    /// A kubeconfig as text.
    pub kubeconfig: Option<Secret>,
    /// Members that Wharf does not interpret.
    pub extra: Map<String, Value>,
}

/// Holds, inside of what Wharf keeps of a PUT, what it does not interpret below
/// the top level.
const NESTED: &str = "properties";

/// What answers have in `properties` and a PUT does not change.
const READ_ONLY: [&str; 8] = [
    "provisioningState",
    "powerState",
    "currentKubernetesVersion",
    "dnsPrefix",
    "fqdn",
    "enableRBAC",
    "maxAgentPools",
    "identityProfile",
];

fn fold(top: Fields, properties: Fields) -> Map<String, Value> {
    let (mut top, properties) = (top.rest(), properties.rest());
    if !properties.is_empty() {
        top.insert(NESTED.to_owned(), Value::Object(properties));
    }
    top
}

/// Reads a PUT of a managed cluster.
///
/// # Errors
/// Every member with a wrong type.
pub fn parse(document: Value) -> Result<ClusterRequest, Vec<Finding>> {
    let mut found = Vec::new();
    let findings = &mut found;
    let mut top = Fields::of(document).map_err(|finding| vec![finding])?;
    for read_only in ["id", "name", "type", "systemData", "sku", "identity"] {
        top.take(read_only);
    }
    let location = top.line("location", LONGEST_LOCATION, findings);
    let tags = top.texts("tags", MOST_TAGS, findings);
    let mut properties = top.object(NESTED, findings);
    let mut pool = properties.first_object("agentPoolProfiles", findings);
    let mut import = properties.object("importProfile", findings);
    for read_only in READ_ONLY {
        properties.take(read_only);
    }
    let request = ClusterRequest {
        location,
        tags,
        node_count: pool.integer("count", findings),
        vm_size: pool.text("vmSize", findings),
        kubernetes_version: properties.text("kubernetesVersion", findings),
        kubeconfig: import.document("kubeconfig", findings).map(Secret::new),
        extra: fold(top, properties),
    };
    check_kept(&request.extra, &mut found);
    if found.is_empty() {
        Ok(request)
    } else {
        Err(found)
    }
}

/// The body of an import.
pub fn import(kubeconfig: &Secret) -> Value {
    serde_json::json!({"properties": {"importProfile": {"kubeconfig": kubeconfig.reveal()}}})
}

/// Where the clusters of a subscription, or of one of its groups, are listed.
pub fn list_path(subscription: &str, group: Option<&str>) -> String {
    let group = group.map_or_else(String::new, |group| format!("/resourceGroups/{group}"));
    format!(
        "/subscriptions/{subscription}{group}/providers/Microsoft.ContainerService/managedClusters"
    )
}

/// A managed cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Microsoft.ContainerService/managedClusters`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its location.
    pub location: String,
    /// Labels of the user.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What it costs: nothing.
    pub sku: ClusterSku,
    /// Whom it acts as.
    pub identity: ClusterIdentity,
    /// Everything else.
    pub properties: ClusterProperties,
    /// What Wharf does not interpret.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A price list's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSku {
    /// `Base`.
    pub name: String,
    /// `Free`.
    pub tier: String,
}

/// Whom a cluster acts as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// `SystemAssigned`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Everything else of a managed cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterProperties {
    /// How it stands.
    pub provisioning_state: String,
    /// Whether it runs.
    pub power_state: PowerState,
    /// The version asked for.
    pub kubernetes_version: String,
    /// The version that it has.
    pub current_kubernetes_version: String,
    /// Begins the host names of the cluster.
    pub dns_prefix: String,
    /// Its host; null for the local cluster.
    pub fqdn: Option<String>,
    /// Its pools of nodes.
    pub agent_pool_profiles: Vec<AgentPoolProfile>,
    /// Access is governed by roles.
    #[serde(rename = "enableRBAC")]
    pub enable_rbac: bool,
    /// Most pools.
    pub max_agent_pools: u32,
    /// `az aks update` fails before it sends anything unless `kubeletidentity`
    /// is there.
    pub identity_profile: BTreeMap<String, UserAssignedIdentity>,
    /// What Wharf does not interpret.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Whether something runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerState {
    /// `Running`.
    pub code: String,
}

/// A pool of nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentPoolProfile {
    /// Its name.
    pub name: String,
    /// Number of nodes.
    pub count: u32,
    /// Size of the nodes.
    pub vm_size: String,
    /// Version of their Kubernetes.
    pub orchestrator_version: String,
    /// The version that they have.
    pub current_orchestrator_version: String,
    /// `System`.
    pub mode: String,
    /// `Linux`.
    pub os_type: String,
    /// `VirtualMachineScaleSets`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Number of nodes follows the load.
    pub enable_auto_scaling: bool,
    /// How it stands.
    pub provisioning_state: String,
    /// Whether it runs.
    pub power_state: PowerState,
}

/// An identity that others may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAssignedIdentity {
    /// Its ARM id.
    pub resource_id: String,
    /// Its client id.
    pub client_id: Uuid,
    /// Its object id.
    pub object_id: Uuid,
}

/// The host of an address such as `https://HOST:PORT/…`.
fn host_of(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.to_owned()
}

fn running() -> PowerState {
    PowerState {
        code: "Running".to_owned(),
    }
}

impl From<&ManagedCluster> for Cluster {
    fn from(cluster: &ManagedCluster) -> Self {
        let spec = &cluster.spec;
        let id = cluster.resource_id();
        let state = ProvisioningState::of(cluster.generation, &cluster.observed, spec.is_absent)
            .as_str()
            .to_owned();
        let mut extra = spec.extra.clone();
        let nested = match extra.shift_remove(NESTED) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        // The cluster's own id stands for the identity of its nodes.
        let kubelet = UserAssignedIdentity {
            resource_id: format!(
                "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ManagedIdentity/\
                 userAssignedIdentities/{}-agentpool",
                cluster.subscription, cluster.group, cluster.name
            ),
            client_id: cluster.id,
            object_id: cluster.id,
        };
        Self {
            kind: id.resource_type(),
            id: id.to_string(),
            name: cluster.name.to_string(),
            location: spec.location.clone(),
            tags: spec.tags.clone(),
            sku: ClusterSku {
                name: "Base".to_owned(),
                tier: "Free".to_owned(),
            },
            identity: ClusterIdentity {
                kind: "SystemAssigned".to_owned(),
            },
            properties: ClusterProperties {
                power_state: running(),
                kubernetes_version: spec.kubernetes_version.clone(),
                current_kubernetes_version: spec.kubernetes_version.clone(),
                dns_prefix: cluster.name.to_string(),
                fqdn: spec.server.as_deref().map(host_of),
                agent_pool_profiles: vec![AgentPoolProfile {
                    name: "nodepool1".to_owned(),
                    count: spec.node_count,
                    vm_size: spec.vm_size.clone(),
                    orchestrator_version: spec.kubernetes_version.clone(),
                    current_orchestrator_version: spec.kubernetes_version.clone(),
                    mode: "System".to_owned(),
                    os_type: "Linux".to_owned(),
                    kind: "VirtualMachineScaleSets".to_owned(),
                    enable_auto_scaling: false,
                    provisioning_state: state.clone(),
                    power_state: running(),
                }],
                provisioning_state: state,
                enable_rbac: true,
                max_agent_pools: 100,
                identity_profile: BTreeMap::from([("kubeletidentity".to_owned(), kubelet)]),
                extra: nested,
            },
            extra,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_import_is_read() {
        let kubeconfig = "apiVersion: v1\n".repeat(1_000);
        let request = parse(json!({
            "location": "here",
            "properties": {
                "importProfile": {"kubeconfig": kubeconfig},
                "agentPoolProfiles": [{"count": 5, "vmSize": "Standard_D3_v2"}],
                "provisioningState": "Succeeded",
                "future": {"deep": [1]},
            },
            "zones": ["1"],
        }))
        .expect("a good request");
        assert_eq!(request.node_count, Some(5));
        let read = request.kubeconfig.expect("a kubeconfig");
        assert_eq!(read.reveal(), kubeconfig);
        assert_eq!(
            Value::Object(request.extra),
            json!({"zones": ["1"], "properties": {"future": {"deep": [1]}}})
        );
    }

    #[test]
    fn what_an_import_sends_is_what_is_read() {
        let secret = Secret::new("apiVersion: v1\n");
        let request = parse(import(&secret)).expect("a good request");
        assert_eq!(request.kubeconfig, Some(secret));
    }

    #[test]
    fn a_host_is_taken_out_of_an_address() {
        for (address, host) in [
            ("https://cluster.example:6443", "cluster.example"),
            ("https://10.0.0.1/path", "10.0.0.1"),
            ("https://[::1]:6443", "[::1]"),
            ("https://[::1]", "[::1]"),
        ] {
            assert_eq!(host_of(address), host);
        }
    }

    #[test]
    fn wrong_types_are_told_with_their_places() {
        let findings = parse(json!({
            "properties": {"importProfile": {"kubeconfig": {}}, "agentPoolProfiles": [{"count": "5"}]},
        }))
        .expect_err("two are wrong");
        let fields: Vec<_> = findings.iter().map(|found| found.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "properties.agentPoolProfiles[0].count",
                "properties.importProfile.kubeconfig"
            ]
        );
    }
}
