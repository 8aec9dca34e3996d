//! ARM resource ids: `/subscriptions/{s}/resourceGroups/{g}/providers/{ns}/{type}/{name}…`.
//!
//! Clients send them in any case (`resourcegroups` from the SDK's own template)
//! and with doubled or trailing slashes. They compare without case and print in
//! one canonical spelling.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::access::Scope;

/// Longest id that is looked at; ARM's own limit is near 2,000 characters.
const LONGEST: usize = 2048;

/// The provider of workspaces and computes.
pub const MACHINE_LEARNING: &str = "Microsoft.MachineLearningServices";
/// The provider of managed clusters.
pub const CONTAINER_SERVICE: &str = "Microsoft.ContainerService";

/// A resource inside a resource group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group's name.
    pub group: String,
    /// The provider's namespace, for example `Microsoft.ContainerService`.
    pub provider: String,
    /// Pairs of type and name, outermost first; at least one.
    pub path: Vec<(String, String)>,
}

/// The text is not a resource id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a resource id of the form \
     /subscriptions/ID/resourceGroups/GROUP/providers/NAMESPACE/TYPE/NAME"
)]
pub struct InvalidResourceId;

impl ResourceId {
    /// The id of a managed cluster.
    pub fn managed_cluster(subscription: &str, group: &str, name: &str) -> Self {
        Self {
            subscription: subscription.to_owned(),
            group: group.to_owned(),
            provider: CONTAINER_SERVICE.to_owned(),
            path: vec![("managedClusters".to_owned(), name.to_owned())],
        }
    }

    /// The id of a workspace.
    pub fn workspace(subscription: &str, group: &str, name: &str) -> Self {
        Self {
            subscription: subscription.to_owned(),
            group: group.to_owned(),
            provider: MACHINE_LEARNING.to_owned(),
            path: vec![("workspaces".to_owned(), name.to_owned())],
        }
    }

    /// The id of something below this resource.
    #[must_use]
    pub fn child(&self, kind: &str, name: &str) -> Self {
        let mut child = self.clone();
        child.path.push((kind.to_owned(), name.to_owned()));
        child
    }

    /// The last name.
    pub fn name(&self) -> &str {
        self.path.last().map_or("", |(_, name)| name)
    }

    /// The full type, for example `Microsoft.ContainerService/managedClusters`.
    pub fn resource_type(&self) -> String {
        let mut text = self.provider.clone();
        for (kind, _) in &self.path {
            text.push('/');
            text.push_str(kind);
        }
        text
    }

    /// Where roles on it are held.
    pub fn scope(&self) -> Scope {
        let place = [
            "subscriptions",
            &self.subscription,
            "resourceGroups",
            &self.group,
        ];
        let pairs = self.path.iter();
        let pairs = pairs.flat_map(|(kind, name)| [kind.as_str(), name.as_str()]);
        Scope::of_segments(
            place
                .into_iter()
                .chain(["providers", &self.provider])
                .chain(pairs),
        )
    }

    /// Whether this names a managed cluster.
    pub fn is_managed_cluster(&self) -> bool {
        self.resource_type()
            .eq_ignore_ascii_case("Microsoft.ContainerService/managedClusters")
    }
}

impl FromStr for ResourceId {
    type Err = InvalidResourceId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST || text.contains(|c: char| c.is_control() || c == '%') {
            return Err(InvalidResourceId);
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        let [
            subscriptions,
            subscription,
            groups,
            group,
            providers,
            provider,
            rest @ ..,
        ] = parts.as_slice()
        else {
            return Err(InvalidResourceId);
        };
        let words = subscriptions.eq_ignore_ascii_case("subscriptions")
            && groups.eq_ignore_ascii_case("resourceGroups")
            && providers.eq_ignore_ascii_case("providers");
        let dots = parts.iter().any(|part| matches!(*part, "." | ".."));
        if !words || dots || rest.is_empty() || rest.len() % 2 != 0 {
            return Err(InvalidResourceId);
        }
        Ok(Self {
            subscription: (*subscription).to_owned(),
            group: (*group).to_owned(),
            provider: (*provider).to_owned(),
            path: rest
                .chunks_exact(2)
                .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
                .collect(),
        })
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "/subscriptions/{}/resourceGroups/{}/providers/{}",
            self.subscription, self.group, self.provider
        )?;
        self.path
            .iter()
            .try_for_each(|(kind, name)| write!(f, "/{kind}/{name}"))
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.to_string().eq_ignore_ascii_case(&other.to_string())
    }
}

impl Eq for ResourceId {}

impl TryFrom<String> for ResourceId {
    type Error = InvalidResourceId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_id_are_equal() {
        let canonical = ResourceId::managed_cluster("S", "rg", "local");
        for spelling in [
            "/subscriptions/s/resourcegroups/RG/providers/microsoft.containerservice/managedclusters/LOCAL",
            "//subscriptions/S//resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/local/",
        ] {
            assert_eq!(spelling.parse(), Ok(canonical.clone()));
        }
        assert!(canonical.is_managed_cluster());
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "local",
            "/subscriptions/s/resourceGroups/g",
            "/subscriptions/s/resourceGroups/g/providers/p/t",
            "/subscriptions/s/resourceGroups/g/providers/p/t/../x/y",
            "/subscriptions/s/resourceGroups/g/providers/p/t/%2e%2e",
        ] {
            assert_eq!(text.parse::<ResourceId>(), Err(InvalidResourceId), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(
            subscription in "[a-z0-9-]{1,36}", group in "[A-Za-z0-9_-]{1,90}", name in "[A-Za-z0-9-]{1,63}",
        ) {
            let id = ResourceId::managed_cluster(&subscription, &group, &name);
            let parsed: ResourceId = id.to_string().parse()?;
            prop_assert_eq!(parsed.name(), name);
            prop_assert_eq!(parsed.to_string(), id.to_string());
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = text.parse::<ResourceId>();
        }
    }
}
