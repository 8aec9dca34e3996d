//! Kubernetes versions that Wharf speaks of: the current one and its
//! predecessors, with the default and what each upgrades to.

use std::{fmt, str::FromStr};

/// A version such as `1.33.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a version such as 1.33.2")]
pub struct InvalidKubernetesVersion;

impl FromStr for KubernetesVersion {
    type Err = InvalidKubernetesVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split('.').map(str::parse::<u16>);
        let mut next = || numbers.next()?.ok();
        let version = next().zip(next()).zip(next());
        match (version, numbers.next()) {
            (Some(((major, minor), patch)), None) => Ok(Self {
                major,
                minor,
                patch,
            }),
            _ => Err(InvalidKubernetesVersion),
        }
    }
}

/// A version and how far it can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferedVersion {
    /// The version.
    pub version: KubernetesVersion,
    /// Used when a request names none.
    pub is_default: bool,
    /// Not yet for production.
    pub is_preview: bool,
}

const fn offered(minor: u16, patch: u16, is_default: bool, is_preview: bool) -> OfferedVersion {
    OfferedVersion {
        version: KubernetesVersion {
            major: 1,
            minor,
            patch,
        },
        is_default,
        is_preview,
    }
}

/// What is offered, newest first: the current minor, three back, and a preview.
pub const OFFERED: &[OfferedVersion] = &[
    offered(36, 0, false, true),
    offered(35, 1, false, false),
    offered(34, 4, false, false),
    offered(34, 2, true, false),
    offered(33, 7, false, false),
    offered(33, 5, false, false),
    offered(32, 11, false, false),
    offered(32, 9, false, false),
];

/// The version a new cluster gets.
pub fn default_version() -> KubernetesVersion {
    OFFERED
        .iter()
        .find(|offered| offered.is_default)
        .map_or(OFFERED[0].version, |offered| offered.version)
}

/// What `from` can be upgraded to: later patches of its minor and every patch of
/// the next one, oldest first.
pub fn upgrades(from: KubernetesVersion) -> Vec<KubernetesVersion> {
    let mut targets: Vec<_> = OFFERED
        .iter()
        .map(|offered| offered.version)
        .filter(|to| *to > from && to.minor <= from.minor + 1)
        .collect();
    targets.sort_unstable();
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_default_newest_first() {
        assert_eq!(OFFERED.iter().filter(|o| o.is_default).count(), 1);
        assert!(OFFERED.is_sorted_by(|a, b| a.version > b.version));
        assert!(
            OFFERED
                .iter()
                .any(|o| o.version == default_version() && !o.is_preview)
        );
    }

    #[test]
    fn upgrades_go_one_minor_at_most() {
        let from = "1.33.5".parse().expect("a version");
        let to: Vec<_> = upgrades(from).iter().map(ToString::to_string).collect();
        assert_eq!(to, ["1.33.7", "1.34.2", "1.34.4"]);
        assert_eq!(
            "1.33".parse::<KubernetesVersion>(),
            Err(InvalidKubernetesVersion)
        );
    }
}
