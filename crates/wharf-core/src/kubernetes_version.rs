//! Kubernetes versions: which are offered, which can be attached, what each
//! upgrades to.

use std::{collections::BTreeSet, fmt, str::FromStr};

use crate::finding::Finding;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedVersion {
    /// The version.
    pub version: KubernetesVersion,
    /// Used when a request names none.
    pub is_default: bool,
    /// Not yet for production.
    pub is_preview: bool,
    /// What it can be upgraded to; `None` is every later patch of its minor and every
    /// patch of the next one.
    pub upgrades: Option<Vec<KubernetesVersion>>,
}

/// Whether a cluster of a version can be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It can.
    Full,
    /// It can, with a warning.
    Preview,
    /// It cannot.
    None,
}

/// How many minors before the newest are supported (the how-to and AKS: N-2).
const MINORS_BACK: u16 = 2;
/// Most versions of a catalogue; AKS offers some 30.
pub const MOST_VERSIONS: usize = 1_000;

/// What is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesVersions {
    /// Newest first, at least the default.
    offered: Vec<OfferedVersion>,
    default: KubernetesVersion,
}

/// Minor, patch, default, preview: the newest minor, two back, and a preview.
const BUILTIN: [(u16, u16, bool, bool); 6] = [
    (36, 0, false, true),
    (35, 1, false, false),
    (34, 4, true, false),
    (34, 2, false, false),
    (33, 7, false, false),
    (33, 5, false, false),
];
const BUILTIN_DEFAULT: KubernetesVersion = KubernetesVersion {
    major: 1,
    minor: 34,
    patch: 4,
};

impl KubernetesVersions {
    /// The versions that Wharf brings along.
    pub fn builtin() -> Self {
        let offered = |(minor, patch, is_default, is_preview)| OfferedVersion {
            version: KubernetesVersion {
                major: 1,
                minor,
                patch,
            },
            is_default,
            is_preview,
            upgrades: None,
        };
        Self {
            offered: BUILTIN.map(offered).into(),
            default: BUILTIN_DEFAULT,
        }
    }

    /// A catalogue of `offered`, in any order.
    ///
    /// # Errors
    /// Every broken rule: two of one version, no default or several, a default that is
    /// a preview.
    pub fn new(mut offered: Vec<OfferedVersion>) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut refuse = |message: String| findings.push(Finding::new("values", message));
        if offered.len() > MOST_VERSIONS {
            refuse(format!(
                "has {} versions; at most {MOST_VERSIONS} are read",
                offered.len()
            ));
            return Err(findings);
        }
        offered.sort_by_key(|offered| std::cmp::Reverse(offered.version));
        for pair in offered.windows(2) {
            if pair[0].version == pair[1].version {
                refuse(format!("has `{}` twice", pair[0].version));
            }
        }
        let defaults: Vec<_> = offered.iter().filter(|it| it.is_default).collect();
        let default = match defaults.as_slice() {
            [one] if one.is_preview => {
                refuse(format!("`{}` is a preview and the default", one.version));
                None
            }
            [one] => Some(one.version),
            [] => {
                refuse("has no default; one minor has `isDefault` true".to_owned());
                None
            }
            several => {
                refuse(format!(
                    "has {} defaults; exactly one is needed",
                    several.len()
                ));
                None
            }
        };
        match default {
            Some(default) if findings.is_empty() => Ok(Self { offered, default }),
            _ => Err(findings),
        }
    }

    /// All of them, newest first.
    pub fn offered(&self) -> &[OfferedVersion] {
        &self.offered
    }

    /// The version a new cluster gets.
    pub fn default_version(&self) -> KubernetesVersion {
        self.default
    }

    /// What `from` can be upgraded to, oldest first. From a version that is no longer
    /// supported that is every one that is, as AKS has it.
    pub fn upgrades(&self, from: KubernetesVersion) -> Vec<KubernetesVersion> {
        let known = self.offered.iter().find(|it| it.version == from);
        if let Some(upgrades) = known.and_then(|it| it.upgrades.as_ref()) {
            return upgrades.clone();
        }
        let is_old = self.support(from) == Support::None;
        let mut targets: Vec<_> = self
            .offered
            .iter()
            .map(|offered| offered.version)
            .filter(|to| {
                let is_near = to.major == from.major && to.minor <= from.minor.saturating_add(1);
                *to > from && (is_near || is_old && self.support(*to) != Support::None)
            })
            .collect();
        targets.sort_unstable();
        targets
    }

    /// Whether a cluster of `version` can be attached: the newest minor and two before
    /// it can, whatever the patch, and a minor that is offered as a preview can with a
    /// warning.
    pub fn support(&self, version: KubernetesVersion) -> Support {
        let is_same = |it: &OfferedVersion| {
            (it.version.major, it.version.minor) == (version.major, version.minor)
        };
        let newest = self.offered.iter().find(|it| !it.is_preview);
        let newest = newest.map_or(self.default, |it| it.version);
        let oldest = newest.minor.saturating_sub(MINORS_BACK);
        if version.major == newest.major && (oldest..=newest.minor).contains(&version.minor) {
            Support::Full
        } else if self.offered.iter().any(|it| it.is_preview && is_same(it)) {
            Support::Preview
        } else {
            Support::None
        }
    }

    /// The minors that can be attached, newest first, for a message.
    pub fn supported_text(&self) -> String {
        let mut seen = BTreeSet::new();
        let supported = self.offered.iter().filter_map(|it| {
            let (minor, support) = (
                (it.version.major, it.version.minor),
                self.support(it.version),
            );
            let preview = match support {
                Support::Full => "",
                Support::Preview => " (preview)",
                Support::None => return None,
            };
            seen.insert(minor)
                .then(|| format!("{}.{}{preview}", minor.0, minor.1))
        });
        supported.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(text: &str, is_default: bool, is_preview: bool) -> OfferedVersion {
        OfferedVersion {
            version: text.parse().expect("a version"),
            is_default,
            is_preview,
            upgrades: None,
        }
    }

    #[test]
    fn what_is_built_in_is_a_good_catalogue() {
        let builtin = KubernetesVersions::builtin();
        assert_eq!(
            KubernetesVersions::new(builtin.offered.clone()),
            Ok(builtin)
        );
    }

    #[test]
    fn the_window_is_the_newest_minor_and_two_back() {
        let versions = KubernetesVersions::builtin();
        for (text, support) in [
            ("1.32.11", Support::None),
            ("1.33.0", Support::Full),
            ("1.35.9", Support::Full),
            ("1.36.0", Support::Preview),
            ("1.37.0", Support::None),
            ("2.34.0", Support::None),
        ] {
            let version = text.parse().expect("a version");
            assert_eq!(versions.support(version), support, "{text}");
        }
        assert_eq!(
            versions.supported_text(),
            "1.36 (preview), 1.35, 1.34, 1.33"
        );
    }

    #[test]
    fn upgrades_go_one_minor_at_most_but_for_what_is_too_old() {
        let versions = KubernetesVersions::builtin();
        for (from, to) in [
            ("1.33.5", "1.33.7 1.34.2 1.34.4"),
            ("1.35.1", "1.36.0"),
            ("1.36.0", ""),
            ("1.20.1", "1.33.5 1.33.7 1.34.2 1.34.4 1.35.1 1.36.0"),
        ] {
            let found = versions.upgrades(from.parse().expect("a version"));
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), to, "{from}");
        }
        assert_eq!(
            "1.33".parse::<KubernetesVersion>(),
            Err(InvalidKubernetesVersion)
        );
    }

    #[test]
    fn faults_of_a_catalogue_are_told_at_once() {
        let faults = KubernetesVersions::new(vec![
            offered("1.30.0", true, false),
            offered("1.30.0", true, false),
        ])
        .expect_err("two faults");
        assert_eq!(faults.len(), 2, "{faults:?}");
        for (versions, word) in [
            (vec![], "no default"),
            (vec![offered("1.30.0", false, false)], "no default"),
            (vec![offered("1.30.0", true, true)], "is a preview"),
        ] {
            let faults = KubernetesVersions::new(versions).expect_err(word);
            assert!(faults[0].message.contains(word), "{faults:?}");
        }
    }
}
