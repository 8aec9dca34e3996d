//! Computes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wharf_core::{
    compute::{ComputeKind, ComputeRequest, MOST_TAGS, Origin, ProvisioningState},
    finding::Finding,
    network::{Network, NetworkRequest},
    quote::Quoted,
    resource::Observed,
    workspace::Workspace,
};

mod kubernetes;

pub use kubernetes::{InstanceResources, InstanceType, KubernetesProperties};

use super::{
    compute_tls::{self, SslConfiguration},
    errors::{ErrorBody, ErrorDetail, ErrorEnvelope},
    fields::{Fields, check_kept},
};

/// Most identities of a compute; our own limit.
const MOST_IDENTITIES: usize = 20;
/// What SDK v1's configuration of a Kubernetes compute leaves in `properties` beside
/// the place where it belongs.
const STRAYS: [&str; 3] = ["namespace", "identityType", "identityIds"];
/// Holds, inside of what Wharf keeps of a PUT, what it does not interpret below
/// the top level.
const NESTED: &str = "properties";

/// A compute. SDK v1 indexes `name`, `location`, `tags` and every key of
/// [`ComputeProperties`] and [`AksProperties`] that is not marked optional there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compute {
    /// Its ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Microsoft.MachineLearningServices/workspaces/computes`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The workspace's location as the client wrote it.
    pub location: String,
    /// Labels of the user.
    pub tags: BTreeMap<String, String>,
    /// Everything else.
    pub properties: ComputeProperties,
    /// What Wharf does not interpret.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What computes of all types have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComputeProperties {
    /// `AKS` or `Kubernetes`.
    pub compute_type: String,
    /// Where the nodes are; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute_location: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// The managed cluster.
    pub resource_id: Option<String>,
    /// How it stands.
    pub provisioning_state: String,
    /// Why it failed.
    pub provisioning_errors: Option<Vec<ErrorEnvelope>>,
    /// What whoever reads it should know; optional.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ErrorDetail>,
    /// The cluster was there before.
    pub is_attached_compute: bool,
    /// When it was made.
    pub created_on: Timestamp,
    /// When its spec last changed.
    pub modified_on: Timestamp,
    /// What its type has.
    pub properties: Option<InnerProperties>,
    /// What Wharf does not interpret.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What computes of one type have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InnerProperties {
    /// Told by its namespace.
    Kubernetes(KubernetesProperties),
    /// All others.
    Aks(Box<AksProperties>),
}

/// What an AKS cluster has. SDK v1's update removes `sslConfiguration`,
/// `loadBalancerType` and `loadBalancerSubnet`, so they are there, null or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AksProperties {
    /// Number of nodes.
    pub agent_count: Option<u32>,
    /// Size of the nodes.
    pub agent_vm_size: Option<String>,
    /// `FastProd` or `DevTest`.
    pub cluster_purpose: Option<String>,
    /// The host under which it is reached.
    pub cluster_fqdn: Option<String>,
    /// What runs beside the user's services.
    pub system_services: Option<Vec<SystemService>>,
    /// TLS settings.
    pub ssl_configuration: Option<SslConfiguration>,
    /// `PublicIp` or `InternalLoadBalancer`.
    pub load_balancer_type: Option<String>,
    /// Subnet of an internal load balancer.
    pub load_balancer_subnet: Option<String>,
    /// The user's own network; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aks_networking_configuration: Option<AksNetwork>,
    /// What Wharf does not interpret.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What runs beside the user's services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemService {
    /// What it does.
    pub system_service_type: String,
    /// Its version.
    pub version: String,
    /// Its address.
    pub public_ip_address: Option<String>,
}

/// The user's own network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AksNetwork {
    /// Full id of the subnet.
    pub subnet_id: String,
    /// Range of the cluster's services.
    pub service_cidr: String,
    /// Address of the cluster's DNS.
    #[serde(rename = "dnsServiceIP")]
    pub dns_service_ip: String,
    /// Range of the node's container bridge.
    pub docker_bridge_cidr: String,
}

impl From<&Network> for AksNetwork {
    fn from(network: &Network) -> Self {
        Self {
            subnet_id: network.subnet_id.clone(),
            service_cidr: network.service_cidr.to_string(),
            dns_service_ip: network.dns_service_ip.to_string(),
            docker_bridge_cidr: network.docker_bridge_cidr.to_string(),
        }
    }
}

fn nested(members: &mut Map<String, Value>) -> Map<String, Value> {
    match members.shift_remove(NESTED) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// Takes apart what [`parse`] kept: what Wharf does not interpret at the top, in
/// `properties`, and in `properties.properties`.
fn unfold(extra: &Map<String, Value>) -> [Map<String, Value>; 3] {
    let mut top = extra.clone();
    let mut middle = nested(&mut top);
    let inner = nested(&mut middle);
    [top, middle, inner]
}

impl Compute {
    /// A compute of `workspace`.
    pub fn new(workspace: &Workspace, compute: &wharf_core::compute::Compute) -> Self {
        let spec = &compute.spec;
        let id = workspace
            .resource_id()
            .child("computes", compute.name.as_str());
        let state = ProvisioningState::of(
            compute.generation,
            &compute.observed,
            spec.removal.is_some(),
        );
        let provisioning_errors = match (&compute.observed, state) {
            (Observed::Failed { failure, .. }, ProvisioningState::Failed) => {
                Some(vec![ErrorEnvelope {
                    error: ErrorBody::new(&failure.code, &failure.message, &failure.details),
                }])
            }
            _ => None,
        };
        let [extra, middle, inner] = unfold(&spec.extra);
        let inner_properties = match &spec.kubernetes {
            Some(settings) => {
                InnerProperties::Kubernetes(KubernetesProperties::new(settings, inner))
            }
            None => InnerProperties::Aks(Box::new(AksProperties {
                agent_count: Some(spec.agent_count),
                agent_vm_size: Some(spec.vm_size.clone()),
                cluster_purpose: Some(spec.purpose.as_str().to_owned()),
                cluster_fqdn: None,
                system_services: Some(Vec::new()),
                ssl_configuration: SslConfiguration::new(&spec.tls),
                load_balancer_type: Some(spec.load_balancer.word().to_owned()),
                load_balancer_subnet: spec.load_balancer.subnet().map(ToOwned::to_owned),
                aks_networking_configuration: spec.network.as_ref().map(AksNetwork::from),
                extra: inner,
            })),
        };
        Self {
            kind: id.resource_type(),
            id: id.to_string(),
            name: compute.name.to_string(),
            location: spec.location.clone(),
            tags: spec.tags.clone(),
            properties: ComputeProperties {
                compute_type: spec.kind().as_str().to_owned(),
                compute_location: spec.compute_location.clone(),
                description: spec.description.clone(),
                resource_id: Some(spec.cluster_id.to_string()),
                provisioning_state: state.as_str().to_owned(),
                provisioning_errors,
                warnings: ErrorDetail::warnings(&spec.warnings),
                is_attached_compute: spec.origin == Origin::Attached,
                created_on: compute.created_at,
                modified_on: compute.modified_at,
                properties: Some(inner_properties),
                extra: middle,
            },
            extra,
        }
    }

    /// Whether its state will still change by itself.
    pub fn is_pending(&self) -> bool {
        !matches!(
            self.properties.provisioning_state.as_str(),
            "Succeeded" | "Failed"
        )
    }
}

/// Reads a PUT of a compute. The server's own read-only members are taken and
/// thrown away, since SDK v1's update sends a whole GET answer back.
///
/// # Errors
/// Every member with a wrong type, and a type of compute that is not known.
pub fn parse(document: Value) -> Result<ComputeRequest, Vec<Finding>> {
    let mut found = Vec::new();
    let findings = &mut found;
    let mut top = Fields::of(document).map_err(|finding| vec![finding])?;
    for read_only in ["id", "name", "type", "systemData"] {
        top.take(read_only);
    }
    let location = top.text("location", findings);
    let tags = top.texts("tags", MOST_TAGS, findings);
    let mut middle = top.object(NESTED, findings);
    for read_only in ["provisioningErrors", "warnings", "isAttachedCompute"] {
        middle.take(read_only);
    }
    // Each of them, since any is enough to tell.
    let from_a_read =
        ["provisioningState", "createdOn", "modifiedOn"].map(|it| middle.take(it).is_some());
    let kind = kind(&mut middle, findings);
    let identity = top.take("identity");
    let compute_location = middle.text("computeLocation", findings);
    let description = middle.text("description", findings);
    let resource_id = middle.text("resourceId", findings);
    let mut inner = middle.object(NESTED, findings);
    for read_only in ["clusterFqdn", "systemServices"] {
        inner.take(read_only);
    }
    let kubernetes = (kind == Some(ComputeKind::Kubernetes)).then(|| {
        for stray in STRAYS {
            middle.drop(stray);
        }
        kubernetes::read(&mut inner, findings)
    });
    let shown = read_identity(identity.as_ref(), findings);
    let mut network = inner.object("aksNetworkingConfiguration", findings);
    let mut request = ComputeRequest {
        location,
        compute_location,
        resource_id,
        description,
        tags,
        purpose: inner.text("clusterPurpose", findings),
        agent_count: inner.integer("agentCount", findings),
        vm_size: inner.text("agentVmSize", findings),
        load_balancer_type: inner.text("loadBalancerType", findings),
        load_balancer_subnet: inner.text("loadBalancerSubnet", findings),
        network: NetworkRequest {
            subnet_id: network.text("subnetId", findings),
            service_cidr: network.text("serviceCidr", findings),
            dns_service_ip: network.text("dnsServiceIP", findings),
            docker_bridge_cidr: network.text("dockerBridgeCidr", findings),
            subnet_cidr: network.text("subnetCidr", findings),
        },
        tls: compute_tls::take(&mut inner, findings),
        kubernetes,
        identity: shown,
        is_read_back: from_a_read.contains(&true),
        extra: fold(top, middle, inner),
    };
    if let Some(identity) = identity {
        request.extra.insert("identity".to_owned(), identity);
    }
    check_kept(&request.extra, &mut found);
    if found.is_empty() {
        Ok(request)
    } else {
        Err(found)
    }
}

fn kind(properties: &mut Fields, findings: &mut Vec<Finding>) -> Option<ComputeKind> {
    let before = findings.len();
    let known = "use `AKS` or `Kubernetes`";
    match properties.text("computeType", findings) {
        Some(text) => {
            let kind = named_kind(&text);
            if kind.is_none() {
                findings.push(Finding::new(
                    properties.path("computeType"),
                    format!("{} is not supported; {known}", Quoted(&text)),
                ));
            }
            kind
        }
        None if findings.len() == before => {
            findings.push(Finding::new(
                properties.path("computeType"),
                format!("is missing; {known}"),
            ));
            None
        }
        None => None,
    }
}

fn named_kind(text: &str) -> Option<ComputeKind> {
    let mut kinds = ComputeKind::ALL.into_iter();
    kinds.find(|kind| text.eq_ignore_ascii_case(kind.as_str()))
}

/// Types that Azure has and Wharf has not: there is none of them.
const OTHERS: [&str; 9] = [
    "AmlCompute",
    "ComputeInstance",
    "VirtualMachine",
    "HDInsight",
    "DataFactory",
    "Databricks",
    "DataLakeAnalytics",
    "SynapseSpark",
    "Batch",
];

/// Which computes a list is to have: of one type, or `None` of none, since Wharf has
/// no such type.
///
/// # Errors
/// A word that is no type of compute.
pub fn wanted_kind(text: &str) -> Result<Option<ComputeKind>, String> {
    match named_kind(text) {
        Some(kind) => Ok(Some(kind)),
        None if OTHERS.iter().any(|other| text.eq_ignore_ascii_case(other)) => Ok(None),
        None => Err(format!(
            "{} is no type of compute; use `AKS` or `Kubernetes`",
            Quoted(text)
        )),
    }
}

/// Type and ids of an identity, as far as they can be told.
fn read_identity(
    identity: Option<&Value>,
    findings: &mut Vec<Finding>,
) -> Option<(String, Vec<String>)> {
    let mut outer = Map::new();
    outer.insert("identity".to_owned(), identity?.clone());
    let mut outer = Fields::of(Value::Object(outer)).ok()?;
    let mut fields = outer.object("identity", findings);
    let kind = fields.text("type", findings);
    let ids = fields.objects("userAssignedIdentities", MOST_IDENTITIES, findings);
    let ids = ids.unwrap_or_default().into_iter().map(|(id, _)| id);
    Some((kind.unwrap_or_default(), ids.collect()))
}

fn fold(top: Fields, middle: Fields, inner: Fields) -> Map<String, Value> {
    let (mut top, mut middle, inner) = (top.rest(), middle.rest(), inner.rest());
    if !inner.is_empty() {
        middle.insert(NESTED.to_owned(), Value::Object(inner));
    }
    if !middle.is_empty() {
        top.insert(NESTED.to_owned(), Value::Object(middle));
    }
    top
}

/// What `listKeys` answers. SDK v1 gives it to the script as it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComputeKeys {
    /// `AKS` or `Kubernetes`.
    pub compute_type: String,
    /// A user's kubeconfig.
    pub user_kube_config: Option<String>,
    /// An administrator's kubeconfig.
    pub admin_kube_config: Option<String>,
    /// Name of the secret that pulls images.
    pub image_pull_secret_name: String,
}

impl ComputeKeys {
    /// Credentials of a compute's cluster.
    pub fn new(
        kind: ComputeKind,
        user: Option<&str>,
        admin: Option<&str>,
        image_pull_secret_name: &str,
    ) -> Self {
        Self {
            compute_type: kind.as_str().to_owned(),
            user_kube_config: user.map(ToOwned::to_owned),
            admin_kube_config: admin.map(ToOwned::to_owned),
            image_pull_secret_name: image_pull_secret_name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
