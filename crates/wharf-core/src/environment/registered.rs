//! Environments that are kept under a name, for later deployments.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::name::EnvironmentName;

/// One version; it never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredEnvironment {
    /// Its id inside Wharf.
    pub id: Uuid,
    /// The workspace it belongs to.
    pub workspace: Uuid,
    /// Its name.
    pub name: EnvironmentName,
    /// Its version: a number that was counted, or what the client chose.
    pub version: String,
    /// What was registered, without name and version, as it goes back.
    pub document: Value,
    /// Who registered it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// The label of the version that was registered last.
pub const LATEST: &str = "latest";
