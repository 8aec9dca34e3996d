//! What a Kubernetes compute has that an AKS one has not: a namespace, and types of
//! instances by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{finding::Finding, name::Namespace, quote::Quoted};

/// The namespace when a request names none.
const DEFAULT_NAMESPACE: &str = "default";
/// The type that is there although nobody made it (the how-to on instance types).
const IMPLICIT_TYPE: &str = "defaultinstancetype";
/// Most types of a compute; our own limit, Azure documents none.
pub const MOST_INSTANCE_TYPES: usize = 100;
const GPU: &str = "nvidia.com/gpu";
const INNER: &str = "properties.properties.";

/// What a Kubernetes compute should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubernetesSettings {
    /// Where its workloads run.
    pub namespace: Namespace,
    /// The type of workloads that name none.
    pub default_instance_type: String,
    /// Types by name.
    pub instance_types: BTreeMap<String, InstanceType>,
}

/// Which nodes, and how much of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceType {
    /// Labels of the nodes.
    pub node_selector: BTreeMap<String, String>,
    /// What is set aside, as Kubernetes spells quantities.
    pub requests: BTreeMap<String, String>,
    /// What may be used.
    pub limits: BTreeMap<String, String>,
}

/// What a PUT says of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KubernetesRequest {
    /// Where its workloads run.
    pub namespace: Option<String>,
    /// The type of workloads that name none.
    pub default_instance_type: Option<String>,
    /// Types by name.
    pub instance_types: Option<BTreeMap<String, InstanceType>>,
}

/// 0.1 cores and 2 GiB, at most 2 cores (the how-to on instance types).
fn implicit() -> BTreeMap<String, InstanceType> {
    let texts = |cpu: &str| -> BTreeMap<String, String> {
        [("cpu", cpu), ("memory", "2Gi")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into()
    };
    let implicit = InstanceType {
        node_selector: BTreeMap::new(),
        requests: texts("100m"),
        limits: texts("2"),
    };
    [(IMPLICIT_TYPE.to_owned(), implicit)].into()
}

impl KubernetesRequest {
    /// The settings; what is left out is as in `before`, or by default.
    pub(super) fn check(
        &self,
        before: Option<&KubernetesSettings>,
        findings: &mut Vec<Finding>,
    ) -> Option<KubernetesSettings> {
        let told = findings.len();
        let namespace = match self.namespace.as_deref().filter(|text| !text.is_empty()) {
            None => before.map_or_else(
                || DEFAULT_NAMESPACE.parse().ok(),
                |before| Some(before.namespace.clone()),
            ),
            Some(text) => match text.parse::<Namespace>() {
                Ok(namespace) => Some(namespace),
                Err(error) => {
                    let message = format!("{} {error}", Quoted(text));
                    findings.push(Finding::new(format!("{INNER}namespace"), message));
                    None
                }
            },
        };
        let instance_types = match &self.instance_types {
            Some(types) if !types.is_empty() => {
                for (name, instance_type) in types {
                    instance_type.check(name, findings);
                }
                types.clone()
            }
            _ => before.map_or_else(implicit, |before| before.instance_types.clone()),
        };
        let asked = self.default_instance_type.clone();
        let default_instance_type = asked
            .filter(|text| !text.is_empty())
            .or_else(|| before.map(|before| before.default_instance_type.clone()))
            .filter(|name| {
                self.default_instance_type.is_some() || instance_types.contains_key(name)
            })
            .unwrap_or_else(|| {
                let first = instance_types.keys().next().cloned();
                let has_implicit = instance_types.contains_key(IMPLICIT_TYPE);
                first
                    .filter(|_| !has_implicit)
                    .unwrap_or_else(|| IMPLICIT_TYPE.to_owned())
            });
        if !instance_types.contains_key(&default_instance_type) {
            let known: Vec<_> = instance_types
                .keys()
                .map(|name| format!("`{name}`"))
                .collect();
            findings.push(Finding::new(
                format!("{INNER}defaultInstanceType"),
                format!(
                    "{} is none of instanceTypes: {}",
                    Quoted(&default_instance_type),
                    known.join(", ")
                ),
            ));
        }
        let namespace = namespace.filter(|_| findings.len() == told)?;
        Some(KubernetesSettings {
            namespace,
            default_instance_type,
            instance_types,
        })
    }
}

impl InstanceType {
    fn check(&self, name: &str, findings: &mut Vec<Finding>) {
        let place = format!("{INNER}instanceTypes.{name}");
        let mut refuse = |field: &str, message: String| {
            findings.push(Finding::new(format!("{place}{field}"), message));
        };
        // A type is an object of Kubernetes, and is named as one.
        if name.parse::<Namespace>().is_err() {
            refuse(
                "",
                "must be named with 1 to 63 lower-case letters, digits and hyphens".to_owned(),
            );
        }
        for (part, quantities) in [("requests", &self.requests), ("limits", &self.limits)] {
            for resource in ["cpu", "memory"] {
                let text = quantities.get(resource).map_or("", String::as_str);
                if !quantity(text).is_some_and(|amount| amount > 0.0) {
                    refuse(
                        &format!(".resources.{part}.{resource}"),
                        format!(
                            "{} must be a quantity above zero such as `500m` or `2Gi`",
                            Quoted(text)
                        ),
                    );
                }
            }
        }
        for resource in ["cpu", "memory"] {
            let amount =
                |of: &BTreeMap<String, String>| of.get(resource).and_then(|text| quantity(text));
            if let (Some(request), Some(limit)) = (amount(&self.requests), amount(&self.limits))
                && request > limit
            {
                refuse(
                    &format!(".resources.limits.{resource}"),
                    "must be at least what is requested".to_owned(),
                );
            }
        }
        if self.requests.contains_key(GPU) {
            refuse(
                &format!(".resources.requests.{GPU}"),
                "can be given in limits only".to_owned(),
            );
        }
        if let Some(gpus) = self.limits.get(GPU)
            && gpus.parse::<u32>().is_err()
        {
            refuse(
                &format!(".resources.limits.{GPU}"),
                format!("{} must be a whole number", Quoted(gpus)),
            );
        }
    }
}

/// A quantity of Kubernetes: a decimal number with a suffix.
fn quantity(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 10] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("m", 0.001),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("", 1.0),
    ];
    let (suffix, factor) = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix))?;
    let number = text.strip_suffix(suffix)?;
    let is_decimal = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = number.parse().ok().filter(|_| is_decimal)?;
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn quantities() {
        for (text, amount) in [
            ("100m", Some(0.1)),
            ("2", Some(2.0)),
            ("1.5Gi", Some(1_610_612_736.0)),
            ("2G", Some(2e9)),
            ("", None),
            ("Gi", None),
            ("-1", None),
            ("1e3", None),
            ("inf", None),
        ] {
            assert_eq!(quantity(text), amount, "{text}");
        }
    }

    #[test]
    fn what_is_left_out_is_as_documented_or_as_before() {
        let mut findings = Vec::new();
        let made = KubernetesRequest::default()
            .check(None, &mut findings)
            .expect("nothing is wrong");
        assert_eq!(made.namespace.as_str(), "default");
        assert_eq!(made.default_instance_type, IMPLICIT_TYPE);
        let asked = KubernetesRequest {
            namespace: Some("models".into()),
            ..KubernetesRequest::default()
        };
        let other = asked.check(None, &mut findings).expect("good");
        let edited = KubernetesRequest::default().check(Some(&other), &mut findings);
        assert_eq!(edited, Some(other));
        assert_eq!(findings, []);
    }

    #[test]
    fn every_fault_of_a_type_has_its_place() {
        let gpu = InstanceType {
            requests: texts(&[("cpu", "2"), ("memory", "0"), (GPU, "1")]),
            limits: texts(&[("cpu", "1"), (GPU, "half")]),
            ..InstanceType::default()
        };
        let asked = KubernetesRequest {
            namespace: Some("Models".into()),
            default_instance_type: Some("none".into()),
            instance_types: Some(
                [
                    ("gpu".to_owned(), gpu),
                    ("Bad".into(), implicit()[IMPLICIT_TYPE].clone()),
                ]
                .into(),
            ),
        };
        let mut findings = Vec::new();
        assert_eq!(asked.check(None, &mut findings), None);
        let fields: Vec<_> = findings
            .iter()
            .map(|found| found.field.trim_start_matches(INNER))
            .collect();
        assert_eq!(
            fields,
            [
                "namespace",
                "instanceTypes.Bad",
                "instanceTypes.gpu.resources.requests.memory",
                "instanceTypes.gpu.resources.limits.memory",
                "instanceTypes.gpu.resources.limits.cpu",
                "instanceTypes.gpu.resources.requests.nvidia.com/gpu",
                "instanceTypes.gpu.resources.limits.nvidia.com/gpu",
                "defaultInstanceType",
            ]
        );
    }
}
