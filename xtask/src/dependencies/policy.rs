//! The parts of `deny.toml` that are read here.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Policy {
    pub(super) graph: Graph,
    pub(super) licenses: Licenses,
    pub(super) bans: Bans,
}

#[derive(Deserialize)]
pub(super) struct Graph {
    pub(super) targets: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Licenses {
    pub(super) allow: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Bans {
    pub(super) deny: Vec<Ban>,
    pub(super) skip: Vec<Skip>,
}

#[derive(Deserialize)]
pub(super) struct Ban {
    pub(super) name: String,
    pub(super) reason: String,
}

/// A second version that is known and borne.
#[derive(Deserialize)]
pub(super) struct Skip {
    /// `name@version`, where `0.22` stands for every `0.22.x`.
    #[serde(rename = "crate")]
    pub(super) spec: String,
    pub(super) reason: String,
}

impl Skip {
    pub(super) fn parts(&self) -> (&str, &str) {
        self.spec.split_once('@').unwrap_or((&self.spec, ""))
    }
}

impl Bans {
    pub(super) fn skips(&self, name: &str, version: &str) -> bool {
        self.skip.iter().any(|skip| {
            let (skipped, wanted) = skip.parts();
            skipped == name && covers(wanted, version)
        })
    }
}

/// Whether `0.22` covers `0.22.1`, and not `0.220.0`.
pub(super) fn covers(wanted: &str, version: &str) -> bool {
    version
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '+']) || wanted.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_version_covers_its_patches() {
        assert!(covers("0.22", "0.22.1"));
        assert!(covers("0.22.1", "0.22.1"));
        assert!(!covers("0.22", "0.220.0"));
        assert!(!covers("0.22.1", "0.22.2"));
    }
}
