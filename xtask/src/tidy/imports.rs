//! Imports go one way: the list below is whole, and what is not on it fails.
//!
//! Test support and chores stay out of the binary: `cargo tree` of `wharf` must not
//! show them. A crate may take test support as an optional dependency, for a feature
//! that only tests turn on.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata};

use crate::finding::Finding;

/// Who may import whom of ours, in normal and build dependencies.
const ALLOWED: &[(&str, &[&str])] = &[
    ("wharf-core", &[]),
    ("wharf-http", &[]),
    ("wharf-scorer", &[]),
    ("wharf-wire", &["wharf-core"]),
    ("wharf-store", &["wharf-core"]),
    ("wharf-cluster", &["wharf-core"]),
    ("wharf-router", &["wharf-http", "wharf-core"]),
    ("wharf-control", &["wharf-store", "wharf-core"]),
    (
        "wharf-api",
        &["wharf-wire", "wharf-control", "wharf-http", "wharf-core"],
    ),
    ("wharf-cli", &["wharf-wire", "wharf-core"]),
    (
        "wharf",
        &[
            "wharf-api",
            "wharf-cli",
            "wharf-cluster",
            "wharf-control",
            "wharf-core",
            "wharf-router",
            "wharf-scorer",
            "wharf-store",
            "wharf-wire",
        ],
    ),
    // Test support implements core's traits; it never ships.
    ("wharf-testkit", &["wharf-core"]),
    ("xtask", &[]),
];

/// What tests may add to that.
const ALLOWED_IN_TESTS: &str = "wharf-testkit";

/// What never ships.
const UNSHIPPED: &[&str] = &["wharf-testkit", "xtask"];

/// One import between two of our crates.
#[derive(Debug, Clone, Copy)]
struct Import<'a> {
    from: &'a str,
    to: &'a str,
    is_for_tests: bool,
}

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let ours: Vec<_> = metadata.workspace_packages();
    let names: Vec<&str> = ours.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &ours {
        let manifest = package
            .manifest_path
            .strip_prefix(&metadata.workspace_root)
            .unwrap_or(&package.manifest_path)
            .to_string();
        let text = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
        for dependency in &package.dependencies {
            if !names.contains(&dependency.name.as_str()) {
                continue;
            }
            let import = Import {
                from: &package.name,
                to: &dependency.name,
                is_for_tests: dependency.kind == DependencyKind::Development || dependency.optional,
            };
            if let Some(message) = judge(import) {
                let line = line_of(&text, &dependency.name);
                findings.push(Finding::new(&manifest, line, message));
            }
        }
    }
    findings
}

/// Looks for test support and chores among the crates that the binary is built of.
pub(super) fn check_release(built: &BTreeSet<(String, String)>) -> Vec<Finding> {
    UNSHIPPED
        .iter()
        .filter(|name| built.iter().any(|(have, _)| have == *name))
        .map(|name| {
            Finding::new(
                "crates/wharf/Cargo.toml",
                1,
                format!("`{name}` would ship; `cargo tree -p wharf -e normal -i {name}` shows who wants it"),
            )
        })
        .collect()
}

/// `None` when the import is on the list.
fn judge(import: Import<'_>) -> Option<String> {
    let Import {
        from,
        to,
        is_for_tests,
    } = import;
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == from) else {
        return Some(format!(
            "crate `{from}` is not on the list of imports; add it in xtask/src/tidy/imports.rs \
             and ARCHITECTURE.md"
        ));
    };
    if allowed.contains(&to) || (is_for_tests && (to == ALLOWED_IN_TESTS || to == from)) {
        return None;
    }
    let choice = if allowed.is_empty() {
        "nothing of ours".to_owned()
    } else {
        allowed.join(", ")
    };
    Some(format!(
        "`{from}` must not import `{to}` (it may import {choice}); move the type that both need \
         down to wharf-core"
    ))
}

fn line_of(manifest: &str, dependency: &str) -> usize {
    manifest
        .lines()
        .position(|line| {
            line.strip_prefix(dependency)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        })
        .map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(from: &'static str, to: &'static str) -> Import<'static> {
        Import {
            from,
            to,
            is_for_tests: false,
        }
    }

    #[test]
    fn what_is_on_the_list_passes() {
        assert_eq!(judge(import("wharf-api", "wharf-control")), None);
        assert_eq!(judge(import("wharf", "wharf-store")), None);
    }

    #[test]
    fn an_arrow_against_the_grain_fails() {
        let message =
            judge(import("wharf-api", "wharf-store")).expect("api must not see the store");
        assert!(
            message.contains("must not import `wharf-store`"),
            "{message}"
        );
        assert!(judge(import("wharf-scorer", "wharf-core")).is_some());
    }

    #[test]
    fn testkit_is_for_tests_alone() {
        assert!(judge(import("wharf-cluster", "wharf-testkit")).is_some());
        let in_tests = Import {
            is_for_tests: true,
            ..import("wharf-cluster", "wharf-testkit")
        };
        assert_eq!(judge(in_tests), None);
        let xtask = Import {
            is_for_tests: true,
            ..import("wharf-cluster", "xtask")
        };
        assert!(judge(xtask).is_some());
    }

    #[test]
    fn an_unlisted_crate_fails() {
        assert!(judge(import("wharf-new", "wharf-core")).is_some());
    }

    #[test]
    fn test_support_does_not_ship() {
        let built = |names: &[&str]| {
            let pairs = names
                .iter()
                .map(|name| ((*name).to_owned(), "0.1.0".to_owned()));
            pairs.collect::<BTreeSet<_>>()
        };
        assert!(check_release(&built(&["wharf", "wharf-core"])).is_empty());
        assert_eq!(check_release(&built(&["wharf", "wharf-testkit"])).len(), 1);
    }

    #[test]
    fn finds_the_line_of_a_dependency() {
        let manifest = "[dependencies]\nwharf-core-extra = \"1\"\nwharf-core.workspace = true\n";
        assert_eq!(line_of(manifest, "wharf-core"), 3);
    }
}
