//! How the router of a cluster is reached, and what may be said of it.

use serde::{Deserialize, Serialize};

use crate::{finding::Finding, quote::Quoted};

/// The word for a public address.
pub(super) const PUBLIC: &str = "PublicIp";
/// The word for an address inside the virtual network.
pub(super) const INTERNAL: &str = "InternalLoadBalancer";
const SUBNET: &str = "properties.properties.loadBalancerSubnet";
/// Most characters of a subnet's name (Azure's own limit).
const LONGEST_SUBNET: usize = 80;

/// How the router of a cluster is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LoadBalancer {
    /// A public address.
    #[default]
    Public,
    /// An address inside the virtual network; acts on Kubernetes only.
    Internal {
        /// The subnet; `None` is the cluster's default, `aks-subnet`.
        subnet: Option<String>,
    },
}

impl LoadBalancer {
    /// The word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Public => PUBLIC,
            Self::Internal { .. } => INTERNAL,
        }
    }

    /// The subnet, where one was named.
    pub fn subnet(&self) -> Option<&str> {
        match self {
            Self::Public => None,
            Self::Internal { subnet } => subnet.as_deref(),
        }
    }
}

/// What a request says of a load balancer. What it leaves out stays as it is: SDK
/// v1 leaves both out when it updates something else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadBalancerChange {
    /// Inside of the virtual network, or public.
    pub is_internal: Option<bool>,
    /// The subnet of an internal one.
    pub subnet: Option<String>,
}

impl LoadBalancerChange {
    /// What `before` becomes. A subnet goes with an internal load balancer alone.
    pub fn apply(self, before: &LoadBalancer, findings: &mut Vec<Finding>) -> LoadBalancer {
        let is_internal = self
            .is_internal
            .unwrap_or(matches!(before, LoadBalancer::Internal { .. }));
        if let Some(subnet) = &self.subnet {
            if !is_internal {
                findings.push(Finding::new(
                    SUBNET,
                    format!(
                        "{} can be given only when the load balancer type is \"{INTERNAL}\"; a \
                         public one has no subnet",
                        Quoted(subnet)
                    ),
                ));
            } else if !is_subnet_name(subnet) {
                findings.push(Finding::new(
                    SUBNET,
                    format!(
                        "{} must be the name of a subnet: letters, digits, `_`, `.` and `-`, at \
                         most {LONGEST_SUBNET}",
                        Quoted(subnet)
                    ),
                ));
            }
        }
        if is_internal {
            let before = before.subnet().map(ToOwned::to_owned);
            LoadBalancer::Internal {
                subnet: self.subnet.or(before),
            }
        } else {
            LoadBalancer::Public
        }
    }
}

fn is_subnet_name(text: &str) -> bool {
    text.len() <= LONGEST_SUBNET
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn internal(subnet: Option<&str>) -> LoadBalancer {
        LoadBalancer::Internal {
            subnet: subnet.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn what_is_left_out_stays() {
        for (before, is_internal, subnet, after) in [
            (LoadBalancer::Public, None, None, LoadBalancer::Public),
            (LoadBalancer::Public, Some(true), None, internal(None)),
            (
                LoadBalancer::Public,
                Some(true),
                Some("a"),
                internal(Some("a")),
            ),
            (internal(Some("a")), None, None, internal(Some("a"))),
            (internal(Some("a")), Some(true), None, internal(Some("a"))),
            (internal(Some("a")), None, Some("b"), internal(Some("b"))),
            (internal(Some("a")), Some(false), None, LoadBalancer::Public),
        ] {
            let change = LoadBalancerChange {
                is_internal,
                subnet: subnet.map(ToOwned::to_owned),
            };
            let mut findings = Vec::new();
            assert_eq!(change.clone().apply(&before, &mut findings), after);
            assert_eq!(findings, [], "{before:?} {change:?}");
        }
    }

    #[test]
    fn a_subnet_wants_an_internal_one_and_a_name() {
        for (before, is_internal, subnet) in [
            (LoadBalancer::Public, None, "a"),
            (LoadBalancer::Public, Some(false), "a"),
            (internal(None), Some(false), "a"),
            (internal(None), None, "a/b"),
        ] {
            let change = LoadBalancerChange {
                is_internal,
                subnet: Some(subnet.to_owned()),
            };
            let mut findings = Vec::new();
            change.apply(&before, &mut findings);
            assert_eq!(findings.len(), 1, "{before:?}");
            assert_eq!(findings[0].field, SUBNET);
        }
    }
}
