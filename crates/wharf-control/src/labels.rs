//! Labels of models and services: their limits.

use std::collections::BTreeMap;

use wharf_core::{finding::Finding, limits::MOST_LABELS};

/// Longest name or value in bytes.
const LONGEST: usize = 4_096;

/// Checks the limits.
pub(crate) fn check(field: &str, labels: &BTreeMap<String, String>, findings: &mut Vec<Finding>) {
    if labels.len() > MOST_LABELS {
        findings.push(Finding::new(
            field,
            format!(
                "has {} entries; at most {MOST_LABELS} are allowed",
                labels.len()
            ),
        ));
    }
    let is_bad = |(name, value): (&String, &String)| {
        name.is_empty() || name.len() > LONGEST || value.len() > LONGEST
    };
    if labels.iter().any(is_bad) {
        findings.push(Finding::new(
            field,
            format!("names and values have at most {LONGEST} bytes, names at least 1"),
        ));
    }
}

/// Prefixes of the properties by which the SDK says where a script runs: from a git
/// checkout it sends them anew with every deploy and update (`azureml-core`,
/// `_base_sdk_common/tracking/git_tracking_info_provider.py`), and they differ from
/// commit to commit.
const TRACKING: [&str; 2] = ["azureml.git.", "mlflow.source.git."];

/// Properties can be added, never changed or removed, as the SDK documents. Those that
/// track a git checkout follow it.
pub(crate) fn check_only_added(
    field: &str,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    findings: &mut Vec<Finding>,
) {
    for (name, value) in before {
        let is_tracking = TRACKING.iter().any(|prefix| name.starts_with(prefix));
        if !is_tracking && after.get(name) != Some(value) {
            findings.push(Finding::new(
                format!("{field}.{name}"),
                "cannot be changed or removed: properties can only be added; use tags for what \
                 changes",
            ));
        }
    }
}
