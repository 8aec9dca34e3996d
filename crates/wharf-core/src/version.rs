//! A version: what a deployment has of its own where clients manage the deployments
//! of an endpoint one by one (the v1 SDK's `AksEndpoint`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Most versions of an endpoint (Azure's own limit).
pub const MOST_VERSIONS: usize = 6;

/// What a version is for in an experiment. It changes nothing of the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum VersionRole {
    /// What the others are compared with; at most one.
    Control,
    /// One of those that are compared.
    #[default]
    Treatment,
}

/// A version under an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Percent of the traffic as asked for.
    pub share: Option<f64>,
    /// Gets the traffic that no version asked for; exactly one does.
    pub is_default: bool,
    /// What it is for.
    pub role: VersionRole,
    /// Free text.
    pub description: Option<String>,
    /// Labels that can change.
    pub tags: BTreeMap<String, String>,
    /// Labels that can only be added.
    pub properties: BTreeMap<String, String>,
    /// As [`crate::endpoint::EndpointSpec::document`], of this version.
    #[serde(default)]
    pub document: serde_json::Map<String, serde_json::Value>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed itself.
    pub modified_at: Timestamp,
}
