//! Addresses of a cluster's private network, checked without touching one.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{finding::Finding, quote::Quoted, resource_id::ResourceId};

/// An IPv4 range such as `10.0.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    /// The address as written; for a bridge it is the host's own, inside the range.
    pub address: Ipv4Addr,
    /// Leading bits that are fixed, 0–32.
    pub prefix: u8,
}

/// The text is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an IPv4 range such as 10.0.0.0/16")]
pub struct InvalidCidr;

impl Cidr {
    fn mask(self) -> u32 {
        u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0)
    }

    /// Whether the range holds `address`.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        (u32::from(address) ^ u32::from(self.address)) & self.mask() == 0
    }

    /// Whether any address is in both ranges.
    pub fn overlaps(self, other: Self) -> bool {
        let mask = self.mask() & other.mask();
        (u32::from(self.address) ^ u32::from(other.address)) & mask == 0
    }
}

impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').ok_or(InvalidCidr)?;
        let address = address.parse().map_err(|_| InvalidCidr)?;
        let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        match prefix.parse::<u8>() {
            Ok(prefix) if prefix <= 32 && digits => Ok(Self { address, prefix }),
            _ => Err(InvalidCidr),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl TryFrom<String> for Cidr {
    type Error = InvalidCidr;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

/// The network of a cluster in the user's own virtual network. The subnet's id
/// carries network, group and subnet; the wire has four values for the six that
/// a person gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Full id of the subnet.
    pub subnet_id: String,
    /// Range of the cluster's services.
    pub service_cidr: Cidr,
    /// Address of the cluster's DNS, inside `service_cidr`.
    pub dns_service_ip: Ipv4Addr,
    /// Range of the node's container bridge, outside `service_cidr`.
    pub docker_bridge_cidr: Cidr,
}

/// The four values as a request carries them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkRequest {
    /// Full id of the subnet.
    pub subnet_id: Option<String>,
    /// Range of the cluster's services.
    pub service_cidr: Option<String>,
    /// Address of the cluster's DNS.
    pub dns_service_ip: Option<String>,
    /// Range of the node's container bridge.
    pub docker_bridge_cidr: Option<String>,
    /// Range of the subnet, where the client knows it; checked and not kept.
    pub subnet_cidr: Option<String>,
}

impl NetworkRequest {
    /// Checks all rules of the how-to: all values or none, the DNS address inside
    /// the service range, the bridge outside it. `prefix` goes before each field
    /// name in the findings.
    ///
    /// # Errors
    /// Every broken rule.
    pub fn check(&self, prefix: &str) -> Result<Option<Network>, Vec<Finding>> {
        let fields = [
            ("subnetId", &self.subnet_id),
            ("serviceCidr", &self.service_cidr),
            ("dnsServiceIP", &self.dns_service_ip),
            ("dockerBridgeCidr", &self.docker_bridge_cidr),
        ];
        let is_given = |value: &Option<String>| value.as_deref().is_some_and(|v| !v.is_empty());
        if !fields.iter().any(|(_, value)| is_given(value)) {
            return Ok(None);
        }
        let mut findings = Vec::new();
        for (field, value) in fields {
            if !is_given(value) {
                findings.push(Finding::new(
                    format!("{prefix}{field}"),
                    "is missing: to use a virtual network give all of vnet name, vnet resource \
                     group, subnet name, service CIDR, DNS service IP and docker bridge CIDR",
                ));
            }
        }
        let mut parse = |field: &str, value: &Option<String>| -> Option<Cidr> {
            let text = value.as_deref().filter(|text| !text.is_empty())?;
            text.parse()
                .map_err(|error: InvalidCidr| {
                    findings.push(Finding::new(
                        format!("{prefix}{field}"),
                        format!("{} {error}", Quoted(text)),
                    ));
                })
                .ok()
        };
        let service_cidr = parse("serviceCidr", &self.service_cidr);
        let docker_bridge_cidr = parse("dockerBridgeCidr", &self.docker_bridge_cidr);
        let subnet_cidr = parse("subnetCidr", &self.subnet_cidr);
        let dns_text = self.dns_service_ip.as_deref().unwrap_or_default();
        let dns_service_ip = dns_text.parse::<Ipv4Addr>().ok();
        if dns_service_ip.is_none() && !dns_text.is_empty() {
            findings.push(Finding::new(
                format!("{prefix}dnsServiceIP"),
                format!(
                    "{} must be an IPv4 address such as 10.0.0.10",
                    Quoted(dns_text)
                ),
            ));
        }
        if let (Some(range), Some(address)) = (service_cidr, dns_service_ip)
            && !range.contains(address)
        {
            findings.push(Finding::new(
                format!("{prefix}dnsServiceIP"),
                format!("`{address}` must lie inside the service CIDR `{range}`"),
            ));
        }
        if let (Some(range), Some(bridge)) = (service_cidr, docker_bridge_cidr)
            && range.overlaps(bridge)
        {
            findings.push(Finding::new(
                format!("{prefix}dockerBridgeCidr"),
                format!("`{bridge}` must not overlap the service CIDR `{range}`"),
            ));
        }
        for (range, field) in [
            (service_cidr, "serviceCidr"),
            (docker_bridge_cidr, "dockerBridgeCidr"),
        ] {
            if let (Some(range), Some(subnet)) = (range, subnet_cidr)
                && range.overlaps(subnet)
            {
                findings.push(Finding::new(
                    format!("{prefix}{field}"),
                    format!("`{range}` must not overlap the subnet's range `{subnet}`"),
                ));
            }
        }
        if let Some(id) = self.subnet_id.as_deref().filter(|id| !id.is_empty())
            && !is_subnet(id)
        {
            findings.push(Finding::new(
                format!("{prefix}subnetId"),
                format!(
                    "{} must be the id of a subnet, /subscriptions/ID/resourceGroups/GROUP/\
                     providers/Microsoft.Network/virtualNetworks/NETWORK/subnets/SUBNET",
                    Quoted(id)
                ),
            ));
        }
        match (
            &self.subnet_id,
            service_cidr,
            dns_service_ip,
            docker_bridge_cidr,
        ) {
            (Some(subnet_id), Some(service_cidr), Some(dns_service_ip), Some(bridge))
                if findings.is_empty() =>
            {
                Ok(Some(Network {
                    subnet_id: subnet_id.clone(),
                    service_cidr,
                    dns_service_ip,
                    docker_bridge_cidr: bridge,
                }))
            }
            _ => Err(findings),
        }
    }
}

fn is_subnet(text: &str) -> bool {
    text.parse::<ResourceId>().is_ok_and(|id| {
        id.resource_type()
            .eq_ignore_ascii_case("Microsoft.Network/virtualNetworks/subnets")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBNET: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/\
                          virtualNetworks/v/subnets/default";

    fn request(service: &str, dns: &str, bridge: &str) -> NetworkRequest {
        NetworkRequest {
            subnet_id: Some(SUBNET.into()),
            service_cidr: Some(service.into()),
            dns_service_ip: Some(dns.into()),
            docker_bridge_cidr: Some(bridge.into()),
            subnet_cidr: None,
        }
    }

    #[test]
    fn the_documented_sample_passes() {
        let network = request("10.0.0.0/16", "10.0.0.10", "172.17.0.1/16").check("");
        assert!(matches!(network, Ok(Some(_))), "{network:?}");
        assert_eq!(NetworkRequest::default().check(""), Ok(None));
    }

    #[test]
    fn all_findings_come_at_once() {
        let findings = request("10.0.0.0/16", "10.1.0.10", "10.0.3.1/24")
            .check("n.")
            .expect_err("two rules are broken");
        let fields: Vec<_> = findings.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["n.dnsServiceIP", "n.dockerBridgeCidr"]);
    }

    #[test]
    fn some_but_not_all_names_the_missing() {
        let partial = NetworkRequest {
            service_cidr: Some("10.0.0.0/33".into()),
            ..NetworkRequest::default()
        };
        let findings = partial
            .check("")
            .expect_err("three are missing, one is wrong");
        assert_eq!(findings.len(), 4);
    }

    #[test]
    fn a_subnet_is_one_and_overlaps_nothing() {
        let fields = |request: NetworkRequest| -> Vec<String> {
            let findings = request.check("").expect_err("refused");
            findings.into_iter().map(|found| found.field).collect()
        };
        let sample = || request("10.0.0.0/16", "10.0.0.10", "172.17.0.1/16");
        let overlapping = NetworkRequest {
            subnet_cidr: Some("10.0.4.0/24".into()),
            ..sample()
        };
        assert_eq!(fields(overlapping), ["serviceCidr"]);
        for bad in [
            "default",
            &SUBNET.replace("/default", ""),
            &SUBNET.replace("/v/", "//"),
        ] {
            let other = NetworkRequest {
                subnet_id: Some(bad.to_owned()),
                ..sample()
            };
            assert_eq!(fields(other), ["subnetId"], "{bad}");
        }
    }

    #[test]
    fn the_edges_of_a_range() {
        let all: Cidr = "0.0.0.0/0".parse().expect("a range");
        assert!(all.contains(Ipv4Addr::new(255, 1, 2, 3)));
        let one: Cidr = "10.0.0.1/32".parse().expect("a range");
        assert!(one.contains(Ipv4Addr::new(10, 0, 0, 1)));
        assert!(!one.contains(Ipv4Addr::new(10, 0, 0, 2)));
        assert!(all.overlaps(one));
        for bad in ["10.0.0.0", "10.0.0.0/+8", "10.0.0/8", "10.0.0.0/"] {
            assert_eq!(bad.parse::<Cidr>(), Err(InvalidCidr), "{bad}");
        }
    }
}
