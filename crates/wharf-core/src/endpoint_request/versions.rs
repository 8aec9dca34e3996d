//! Versions of an endpoint: how they are asked for, and the rules on them together.

use super::{CheckedEndpoint, EndpointRequest};
use crate::{
    endpoint::Authentication,
    environment::EnvironmentSpec,
    finding::Finding,
    name::{ComputeName, EndpointName},
    quote::Quoted,
    traffic,
    version::{MOST_VERSIONS, VersionRole},
};

/// The smallest share that is one, in percent: routers count in hundredths.
const SMALLEST_SHARE: f64 = 0.01;

/// One version as asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VersionRequest {
    /// What it runs, with its name, its labels and its description. The compute, if
    /// named, must be the endpoint's; keys and authentication are the endpoint's.
    pub deployment: EndpointRequest,
    /// Percent of the traffic.
    pub share: Option<f64>,
    /// Gets the traffic that no version asks for.
    pub is_default: bool,
    /// What it is for.
    pub role: VersionRole,
    /// The caller speaks of this version: it is tried again although nothing of it
    /// may differ.
    pub is_touched: bool,
}

/// A version that kept the rules that need no look at anything else.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedVersion {
    /// What it runs.
    pub deployment: CheckedEndpoint,
    /// Hundredths of a percent of the traffic.
    pub weight: u32,
    /// Percent of the traffic as asked for.
    pub share: Option<f64>,
    /// Gets the traffic that no version asks for.
    pub is_default: bool,
    /// What it is for.
    pub role: VersionRole,
}

/// An endpoint with versions that kept the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedVersions {
    /// The endpoint's name.
    pub name: EndpointName,
    /// The compute to run on.
    pub compute_name: ComputeName,
    /// Who may score.
    pub authentication: Authentication,
    /// In the order of the request.
    pub versions: Vec<CheckedVersion>,
}

/// The place of a version's member, for a finding.
pub fn version_place(version: &str, member: &str) -> String {
    format!("versions.{version}.{member}")
}

impl EndpointRequest {
    /// What the request says of the endpoint itself, with nothing to run.
    fn without_versions(&self) -> Self {
        Self {
            environment: Some(EnvironmentSpec::default()),
            versions: None,
            ..self.clone()
        }
    }

    /// Checks an endpoint with versions, as [`EndpointRequest::check`] does one with
    /// one deployment. `None` when anything is broken, or when it has no versions.
    pub fn check_versions(&self, findings: &mut Vec<Finding>) -> Option<CheckedVersions> {
        let before = findings.len();
        let versions = self.versions.as_deref()?;
        let endpoint = self.without_versions().check(findings);
        if versions.is_empty() || versions.len() > MOST_VERSIONS {
            let message = format!(
                "has {} versions; an endpoint has 1 to {MOST_VERSIONS}{}",
                versions.len(),
                if versions.is_empty() {
                    ": to remove the last one, delete the endpoint"
                } else {
                    ""
                }
            );
            findings.push(Finding::new("versions", message));
            return None;
        }
        check_names(versions, findings);
        check_shares(versions, findings);
        let default = check_default(versions, findings);
        check_control(versions, findings);
        let mut deployments = Vec::with_capacity(versions.len());
        for version in versions {
            deployments.extend(self.check_version(version, findings));
        }
        let (Some(endpoint), Some(default), true) = (endpoint, default, findings.len() == before)
        else {
            return None;
        };
        let shares: Vec<_> = versions.iter().map(|version| version.share).collect();
        let weights = traffic::weights(&shares, default);
        let checked = versions.iter().zip(deployments).zip(weights);
        Some(CheckedVersions {
            name: endpoint.name,
            compute_name: endpoint.compute_name,
            authentication: endpoint.authentication,
            versions: checked
                .map(|((version, deployment), weight)| CheckedVersion {
                    deployment,
                    weight,
                    share: version.share,
                    is_default: version.is_default,
                    role: version.role,
                })
                .collect(),
        })
    }

    /// One version, with what the endpoint says for all of them.
    fn check_version(
        &self,
        version: &VersionRequest,
        findings: &mut Vec<Finding>,
    ) -> Option<CheckedEndpoint> {
        let asked = &version.deployment;
        let mut broken = Vec::new();
        let compute = asked.compute_name.as_deref().filter(|it| !it.is_empty());
        if let (Some(own), Some(all)) = (compute, self.compute_name.as_deref())
            && !own.eq_ignore_ascii_case(all)
        {
            broken.push(Finding::new(
                "computeName",
                format!(
                    "is {}, but all versions run on the endpoint's compute, which is {}",
                    Quoted(own),
                    Quoted(all)
                ),
            ));
        }
        let request = Self {
            // The endpoint's own findings are told once.
            compute_name: Some("endpoint".to_owned()),
            namespace: asked.namespace.clone().or_else(|| self.namespace.clone()),
            primary_key: None,
            secondary_key: None,
            is_key_auth_enabled: None,
            is_token_auth_enabled: None,
            versions: None,
            ..asked.clone()
        };
        let checked = request.check(&mut broken);
        let is_whole = broken.is_empty();
        findings.extend(
            broken
                .into_iter()
                .map(|it| Finding::new(version_place(&asked.name, &it.field), it.message)),
        );
        checked.filter(|_| is_whole)
    }
}

fn check_names(versions: &[VersionRequest], findings: &mut Vec<Finding>) {
    for (index, version) in versions.iter().enumerate() {
        let name = &version.deployment.name;
        if versions[..index]
            .iter()
            .any(|other| other.deployment.name == *name)
        {
            let message = format!("there are two versions {}", Quoted(name));
            findings.push(Finding::new("versions", message));
        }
    }
}

fn check_shares(versions: &[VersionRequest], findings: &mut Vec<Finding>) {
    let before = findings.len();
    for version in versions {
        let Some(share) = version.share else { continue };
        let field = || version_place(&version.deployment.name, "trafficPercentile");
        if !(0.0..=100.0).contains(&share) {
            let message = format!("is {share}; must be a number from 0 to 100");
            findings.push(Finding::new(field(), message));
        } else if share > 0.0 && share < SMALLEST_SHARE {
            let message = format!("is {share}; must be 0 or at least {SMALLEST_SHARE}");
            findings.push(Finding::new(field(), message));
        }
    }
    let sum: f64 = versions.iter().filter_map(|version| version.share).sum();
    // Fractions of 100 may miss it by a rounding.
    if findings.len() == before && sum > 100.0 + 1e-6 {
        let shares: Vec<_> = versions
            .iter()
            .filter_map(|it| Some(format!("{} {}", it.deployment.name, it.share?)))
            .collect();
        findings.push(Finding::new(
            "versions",
            format!(
                "the versions' trafficPercentile sum to {sum} ({}); at most 100 can be given out, \
                 and what is left goes to the default version",
                shares.join(", ")
            ),
        ));
    }
}

fn names<'a>(versions: impl Iterator<Item = &'a VersionRequest>) -> Vec<&'a str> {
    versions.map(|it| it.deployment.name.as_str()).collect()
}

fn check_default(versions: &[VersionRequest], findings: &mut Vec<Finding>) -> Option<usize> {
    let defaults = names(versions.iter().filter(|version| version.is_default));
    let message = match defaults.len() {
        1 => return versions.iter().position(|version| version.is_default),
        0 => format!(
            "no version is the default one, which gets the traffic that no other asks for; set \
             isDefault of another version ({}) in the same change",
            names(versions.iter()).join(", ")
        ),
        _ => format!(
            "{} are default; exactly one version is: set isDefault of the others to false in the \
             same change",
            defaults.join(" and ")
        ),
    };
    findings.push(Finding::new("versions", message));
    None
}

fn check_control(versions: &[VersionRequest], findings: &mut Vec<Finding>) {
    let is_control = |version: &&VersionRequest| version.role == VersionRole::Control;
    let controls = names(versions.iter().filter(is_control));
    if controls.len() > 1 {
        findings.push(Finding::new(
            "versions",
            format!(
                "{} are of type Control; at most one version is: set the type of the others to \
                 Treatment in the same change",
                controls.join(" and ")
            ),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Findings;

    fn version(name: &str, share: Option<f64>) -> VersionRequest {
        VersionRequest {
            deployment: EndpointRequest {
                name: name.to_owned(),
                environment: Some(EnvironmentSpec::default()),
                ..EndpointRequest::default()
            },
            share,
            ..VersionRequest::default()
        }
    }

    fn request(versions: Vec<VersionRequest>) -> EndpointRequest {
        EndpointRequest {
            name: "iris".into(),
            compute_name: Some("aks".into()),
            versions: Some(versions),
            ..EndpointRequest::default()
        }
    }

    fn default(name: &str, share: Option<f64>) -> VersionRequest {
        VersionRequest {
            is_default: true,
            ..version(name, share)
        }
    }

    fn broken(versions: Vec<VersionRequest>) -> Vec<Finding> {
        let mut findings = Vec::new();
        assert_eq!(request(versions).check_versions(&mut findings), None);
        findings
    }

    #[test]
    fn what_nobody_asks_for_goes_to_the_default() {
        let mut findings = Vec::new();
        let asked = vec![
            version("low", Some(10.0)),
            default("main", Some(0.29)),
            version("high", Some(30.0)),
            version("none", None),
        ];
        let checked = request(asked).check_versions(&mut findings).expect("good");
        let weights: Vec<_> = checked.versions.iter().map(|it| it.weight).collect();
        assert_eq!(weights, [1_000, 6_000, 3_000, 0]);
        assert_eq!(checked.versions[1].share, Some(0.29));
    }

    #[test]
    fn an_endpoint_has_one_to_six_versions() {
        assert!(
            broken(Vec::new())[0]
                .message
                .contains("delete the endpoint")
        );
        let mut seven: Vec<_> = (0..7)
            .map(|number| version(&format!("v{number}-x"), None))
            .collect();
        seven[0].is_default = true;
        let six = seven[..6].to_vec();
        let told = broken(seven);
        assert!(told[0].message.contains("has 7 versions"), "{told:?}");
        assert!(request(six).check_versions(&mut Vec::new()).is_some());
    }

    #[test]
    fn shares_are_percent_and_sum_to_a_hundred_at_most() {
        for share in [-0.1, 100.1, f64::NAN, f64::INFINITY, 0.001] {
            let told = broken(vec![default("one", Some(share))]);
            assert_eq!(told[0].field, "versions.one.trafficPercentile");
            assert_eq!(told.len(), 1, "{told:?}");
        }
        let told = broken(vec![default("one", Some(70.0)), version("two", Some(30.5))]);
        assert_eq!(told[0].field, "versions");
        assert!(told[0].message.contains("sum to 100.5 (one 70, two 30.5)"));
        let third = Some(100.0 / 3.0);
        let thirds = vec![
            default("one", third),
            version("two", third),
            version("three", third),
        ];
        let checked = request(thirds).check_versions(&mut Vec::new());
        let weights = checked.expect("good").versions;
        assert_eq!(weights.iter().map(|it| it.weight).sum::<u32>(), 10_000);
    }

    #[test]
    fn exactly_one_is_default_and_at_most_one_control() {
        let told = broken(vec![version("one", None), version("two", None)]);
        assert!(told[0].message.contains("no version is the default"));
        let told = broken(vec![default("one", None), default("two", None)]);
        assert!(told[0].message.starts_with("one and two are default"));
        let mut versions = vec![default("one", None), version("two", None)];
        for version in &mut versions {
            version.role = VersionRole::Control;
        }
        let told = broken(versions);
        assert!(
            told[0]
                .message
                .starts_with("one and two are of type Control")
        );
    }

    #[test]
    fn a_name_is_given_once() {
        let told = broken(vec![default("one", None), version("one", None)]);
        assert!(told[0].message.contains("two versions `one`"), "{told:?}");
    }

    #[test]
    fn everything_wrong_comes_at_once_with_its_version() {
        let mut bad = version("Bad", Some(200.0));
        bad.deployment.compute_name = Some("other".into());
        bad.deployment.replicas = Some(-1);
        bad.deployment.is_token_auth_enabled = Some(true);
        let mut all = request(vec![default("good", None), bad]);
        all.name = "x".into();
        let mut findings = Vec::new();
        assert_eq!(all.check_versions(&mut findings), None);
        let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "name",
                "versions.Bad.trafficPercentile",
                "versions.Bad.computeName",
                "versions.Bad.name",
                "versions.Bad.numReplicas",
            ]
        );
        assert!(Findings(&findings).to_string().contains("`aks`"));
    }
}
