//! What the operator decides about environments.

use std::{fmt, path::PathBuf, time::Duration};

/// How environments are made.
#[derive(Clone)]
pub struct UvSettings {
    /// Where they are kept, with a cache of packages that all of them share. One
    /// server at a time; a folder that nobody else writes to.
    pub root: PathBuf,
    /// The `uv` program. Without one it is looked for on `PATH`, and else installed
    /// once below `root` when the first environment is made.
    pub uv: Option<PathBuf>,
    /// The variables that `uv`, `pip` and interpreters are started with, and nothing
    /// else: `PATH` (interpreters are looked for there), `HOME`, those of proxies,
    /// certificates and the package index. They may hold credentials.
    pub environment: Vec<(String, String)>,
    /// What is allowed.
    pub policy: BuildPolicy,
    /// How long and how large.
    pub limits: BuildLimits,
}

/// What is allowed.
#[derive(Debug, Clone, Default)]
pub struct BuildPolicy {
    /// Refuse a Python that is not installed instead of taking the nearest one.
    pub strict_python: bool,
    /// Take source distributions too. Building one runs its author's code as this
    /// server's user.
    pub allow_source_builds: bool,
    /// Take packages from addresses and paths in pip lines.
    pub allow_direct_references: bool,
    /// Hosts of other package indexes that pip lines may name. A package of that
    /// name there may be taken for one of the operator's.
    pub index_hosts: Vec<String>,
    /// The interpreter for `userManagedDependencies`; without one that is refused.
    pub host_python: Option<PathBuf>,
}

/// How long and how large.
#[derive(Debug, Clone)]
pub struct BuildLimits {
    /// Longest time to find versions that fit together, for one interpreter.
    pub resolve: Duration,
    /// Longest time to install `uv`, or to download and install the packages.
    pub install: Duration,
    /// Longest time to import the packages once.
    pub import: Duration,
    /// Largest environment, in bytes.
    pub environment_bytes: u64,
    /// Room that a build leaves on the disk, in bytes; it is stopped before it takes
    /// more.
    pub least_free_bytes: u64,
    /// Builds at the same time; others wait.
    pub parallel_builds: usize,
}

impl UvSettings {
    /// Defaults: wheels from the operator's index only, Python relaxed with a notice.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            uv: None,
            environment: Vec::new(),
            policy: BuildPolicy::default(),
            limits: BuildLimits::default(),
        }
    }

    /// One of [`UvSettings::environment`].
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let found = self.environment.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for UvSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values of the variables may be secret.
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("UvSettings")
            .field("root", &self.root)
            .field("uv", &self.uv)
            .field("environment", &names)
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .finish()
    }
}

impl Default for BuildLimits {
    /// Sized for the largest common case: a framework with its GPU libraries.
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(5 * 60),
            install: Duration::from_secs(30 * 60),
            import: Duration::from_secs(3 * 60),
            environment_bytes: 20 << 30,
            least_free_bytes: 1 << 30,
            parallel_builds: 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_variables_are_not_printed() {
        let mut settings = UvSettings::new("/environments");
        settings.environment = vec![("UV_INDEX_PASSWORD".into(), "word1".into())];
        let text = format!("{settings:?}");
        assert!(text.contains("UV_INDEX_PASSWORD") && !text.contains("word1"));
        assert_eq!(settings.variable("UV_INDEX_PASSWORD"), Some("word1"));
    }
}
