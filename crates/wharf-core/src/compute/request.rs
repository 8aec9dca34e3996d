//! A PUT of a compute, and the rules that need no look at anything else.

use std::collections::BTreeMap;

use super::{
    KubernetesRequest, KubernetesSettings, Purpose,
    load_balancer::{INTERNAL, LoadBalancerChange, PUBLIC},
};
use crate::{
    finding::Finding,
    limits::LONGEST_LOCATION,
    network::{Network, NetworkRequest},
    quote::Quoted,
    resource_id::ResourceId,
    tls::TlsRequest,
    vm_size::VmSizes,
};

/// A PUT of a compute, parsed but not yet checked. `None` means "not sent".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComputeRequest {
    /// The workspace's location as the client wrote it.
    pub location: Option<String>,
    /// Where the nodes are.
    pub compute_location: Option<String>,
    /// The cluster to attach; `None` creates one.
    pub resource_id: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Labels of the user.
    pub tags: Option<BTreeMap<String, String>>,
    /// What the cluster is for.
    pub purpose: Option<String>,
    /// Number of nodes.
    pub agent_count: Option<i64>,
    /// Size of the nodes.
    pub vm_size: Option<String>,
    /// `PublicIp` or `InternalLoadBalancer`.
    pub load_balancer_type: Option<String>,
    /// Subnet of an internal load balancer.
    pub load_balancer_subnet: Option<String>,
    /// The user's own network.
    pub network: NetworkRequest,
    /// TLS settings; `None` leaves them as they are.
    pub tls: Option<TlsRequest>,
    /// Of a Kubernetes compute; `None` is an AKS one.
    pub kubernetes: Option<KubernetesRequest>,
    /// Whom it acts as: the type, and the ids of a user's identities.
    pub identity: Option<(String, Vec<String>)>,
    /// The document was read from the server and comes back: only a GET gives the
    /// members that say so. It edits what is there; any other asks for a new one.
    pub is_read_back: bool,
    /// Members that Wharf does not interpret.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// A request as far as it can be told without a look at anything else. Where a rule
/// was broken there is a finding, and here what the member would be if left out.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedCompute {
    /// What the cluster is for.
    pub purpose: Purpose,
    /// Nodes asked for; `None` leaves it to the cluster or the default.
    pub agent_count: Option<u32>,
    /// Size asked for, in its canonical spelling.
    pub vm_size: Option<String>,
    /// The user's own network.
    pub network: Option<Network>,
    /// What is said of how the router is reached.
    pub load_balancer: LoadBalancerChange,
    /// The cluster to attach.
    pub attach: Option<ResourceId>,
    /// Purpose, nodes and size are as they were asked for, so that cores can be
    /// counted.
    pub are_cores_known: bool,
}

/// Default number of nodes for a purpose: three for production, as the SDK
/// documents; three for tests too, since the request body does not say one.
pub const DEFAULT_AGENT_COUNT: u32 = 3;
/// Most nodes of one cluster (AKS' own limit).
pub const MOST_AGENTS: u32 = 5000;

const INNER: &str = "properties.properties.";
/// Our own limits on free text, in bytes; Azure documents none.
const LONGEST_DESCRIPTION: usize = 4_096;

impl ComputeRequest {
    /// Checks everything that can be told from the request alone, adding each
    /// broken rule to `findings`.
    pub fn check(&self, sizes: &VmSizes, findings: &mut Vec<Finding>) -> CheckedCompute {
        let before = findings.len();
        let mut refuse = |field: &str, message: String| {
            findings.push(Finding::new(field, message));
        };
        let purpose = match self.purpose.as_deref() {
            None | Some("") => Purpose::default(),
            Some(text) if text.eq_ignore_ascii_case("FastProd") => Purpose::FastProd,
            Some(text) if text.eq_ignore_ascii_case("DevTest") => Purpose::DevTest,
            Some(other) => {
                refuse(
                    "properties.properties.clusterPurpose",
                    format!("{} must be FastProd or DevTest", Quoted(other)),
                );
                Purpose::default()
            }
        };
        let agent_count = match self.agent_count {
            None => None,
            Some(count) if (1..=i64::from(MOST_AGENTS)).contains(&count) => {
                u32::try_from(count).ok()
            }
            Some(count) => {
                refuse(
                    "properties.properties.agentCount",
                    format!("`{count}` must be a whole number from 1 to {MOST_AGENTS}"),
                );
                None
            }
        };
        let vm_size = match self.vm_size.as_deref() {
            None | Some("") => None,
            Some(text) => {
                let found = sizes.find(text).map(|size| size.name.clone());
                if found.is_none() {
                    refuse("properties.properties.agentVmSize", sizes.refusal(text));
                }
                found
            }
        };
        // A Kubernetes compute has no purpose.
        let are_cores_known = findings.len() == before && self.kubernetes.is_none();
        let mut refuse = |field: &str, message: String| {
            findings.push(Finding::new(field, message));
        };
        let is_internal = match self.load_balancer_type.as_deref() {
            None | Some("") => None,
            Some(word) if word.eq_ignore_ascii_case(PUBLIC) => Some(false),
            Some(word) if word.eq_ignore_ascii_case(INTERNAL) => Some(true),
            Some(other) => {
                refuse(
                    "properties.properties.loadBalancerType",
                    format!("{} must be \"{PUBLIC}\" or \"{INTERNAL}\"", Quoted(other)),
                );
                None
            }
        };
        let load_balancer = LoadBalancerChange {
            is_internal,
            subnet: self.load_balancer_subnet.clone().filter(|s| !s.is_empty()),
        };
        check_identity(self.identity.as_ref(), &mut refuse);
        let attach = match self.resource_id.as_deref() {
            None if self.kubernetes.is_some() => {
                refuse(
                    "properties.resourceId",
                    "is missing: a Kubernetes compute is attached to a cluster that is there, \
                     never created"
                        .to_owned(),
                );
                None
            }
            None => None,
            Some("") => {
                refuse(
                    "properties.resourceId",
                    "is empty; name the cluster to attach, or leave it out to create one"
                        .to_owned(),
                );
                None
            }
            Some(text) => match text.parse::<ResourceId>() {
                Ok(id) if id.is_managed_cluster() => Some(id),
                _ => {
                    refuse(
                        "properties.resourceId",
                        format!(
                            "{} must be the id of a managed cluster, /subscriptions/ID/\
                             resourceGroups/GROUP/providers/Microsoft.ContainerService/\
                             managedClusters/NAME",
                            Quoted(text)
                        ),
                    );
                    None
                }
            },
        };
        let network = self
            .network
            .check(&format!("{INNER}aksNetworkingConfiguration."))
            .unwrap_or_else(|broken| {
                findings.extend(broken);
                None
            });
        check_labels(self.tags.as_ref(), findings);
        for (field, text, longest) in [
            ("location", &self.location, LONGEST_LOCATION),
            (
                "properties.computeLocation",
                &self.compute_location,
                LONGEST_LOCATION,
            ),
            (
                "properties.description",
                &self.description,
                LONGEST_DESCRIPTION,
            ),
        ] {
            if text.as_ref().is_some_and(|text| text.len() > longest) {
                findings.push(Finding::new(
                    field,
                    format!("must have at most {longest} bytes"),
                ));
            }
            // A description may have several lines.
            let is_bad = |found: char| {
                found.is_control() && !(field.ends_with("description") && "\n\r\t".contains(found))
            };
            if text.as_ref().is_some_and(|text| text.contains(is_bad)) {
                findings.push(Finding::new(
                    field,
                    "must not contain control characters; only a description may have line breaks",
                ));
            }
        }
        CheckedCompute {
            purpose,
            agent_count,
            vm_size,
            network,
            load_balancer,
            attach,
            are_cores_known,
        }
    }
}

impl ComputeRequest {
    /// The settings of a Kubernetes compute; `None` for an AKS one, or with findings.
    pub fn kubernetes_settings(
        &self,
        before: Option<&KubernetesSettings>,
        findings: &mut Vec<Finding>,
    ) -> Option<KubernetesSettings> {
        self.kubernetes.as_ref()?.check(before, findings)
    }
}

fn check_identity(identity: Option<&(String, Vec<String>)>, refuse: &mut impl FnMut(&str, String)) {
    let Some((kind, ids)) = identity else { return };
    let is = |word: &str| kind.eq_ignore_ascii_case(word);
    if is("UserAssigned") {
        if ids.is_empty() {
            refuse(
                "identity.userAssignedIdentities",
                "is empty; UserAssigned needs the ids of the identities".to_owned(),
            );
        }
        for id in ids {
            if id.parse::<ResourceId>().is_err() {
                let message = format!("{} is no resource id of an identity", Quoted(id));
                refuse("identity.userAssignedIdentities", message);
            }
        }
    } else if !is("SystemAssigned") && !is("None") {
        let message = format!("{} must be SystemAssigned or UserAssigned", Quoted(kind));
        refuse("identity.type", message);
    } else if !ids.is_empty() {
        refuse(
            "identity.userAssignedIdentities",
            "can be given only when type is UserAssigned".to_owned(),
        );
    }
}

/// Most tags of a resource (ARM's limit).
pub const MOST_TAGS: usize = 50;
/// Most characters of a tag's name and value (ARM's limits).
const LONGEST_LABEL_NAME: usize = 512;
const LONGEST_LABEL_VALUE: usize = 256;

pub(crate) fn check_labels(tags: Option<&BTreeMap<String, String>>, findings: &mut Vec<Finding>) {
    let Some(tags) = tags else { return };
    if tags.len() > MOST_TAGS {
        findings.push(Finding::new(
            "tags",
            format!(
                "has {} entries, at most {MOST_TAGS} are allowed",
                tags.len()
            ),
        ));
    }
    if tags
        .iter()
        .any(|(name, value)| name.len() > LONGEST_LABEL_NAME || value.len() > LONGEST_LABEL_VALUE)
    {
        findings.push(Finding::new(
            "tags",
            format!(
                "a name has at most {LONGEST_LABEL_NAME} characters, a value at most \
                 {LONGEST_LABEL_VALUE}"
            ),
        ));
    }
}

/// The rule on cores: nodes times cores of the size must be enough for the purpose. A
/// size that the catalogue does not have is not judged.
pub fn check_cores(
    purpose: Purpose,
    node_count: u32,
    vm_size_name: &str,
    sizes: &VmSizes,
    findings: &mut Vec<Finding>,
) {
    let Some(size) = sizes.find(vm_size_name) else {
        return;
    };
    let cores = size.cores.saturating_mul(node_count);
    let fewest = purpose.fewest_cores();
    if cores < fewest {
        findings.push(Finding::new(
            format!("{INNER}agentCount"),
            format!(
                "{node_count} × {} has {cores} cores; purpose {} needs at least {fewest} cores: \
                 take more or larger nodes{}",
                size.name,
                purpose.as_str(),
                if purpose == Purpose::FastProd {
                    ", or purpose DevTest"
                } else {
                    ""
                }
            ),
        ));
    }
}
