//! Use cases and reconcilers together, over real SQLite.

mod blobs;
mod compute_tls;
mod computes;
mod endpoint_versions;
mod endpoints;
mod errors;
mod existing_computes;
mod faults;
mod how_to;
mod managed_clusters;
mod models;
mod quotas;
mod reads;
mod story;
mod waiting;
mod workspaces;

use wharf_core::{Error, Result};

/// Fields of the broken rules.
fn fields<T: std::fmt::Debug>(refused: Result<T>) -> Vec<String> {
    match refused {
        Err(Error::Invalid(findings)) => findings
            .into_iter()
            .map(|finding| {
                assert!(!finding.message.is_empty(), "{}", finding.field);
                finding.field
            })
            .collect(),
        other => panic!("expected broken rules: {other:?}"),
    }
}
