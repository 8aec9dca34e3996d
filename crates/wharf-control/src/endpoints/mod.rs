//! Endpoints with their deployments: check, create, update, read, delete.
//!
//! - [`pin`]: from a checked request to a spec whose files cannot change;
//!   [`versions`]: the same for several deployments
//! - [`write`]: the use cases that write; [`read`]: those that do not
//! - [`keys`]: the two keys; [`tokens`]: tokens to score with

mod keys;
mod pin;
mod read;
mod tokens;
mod versions;
mod write;

pub use tokens::ScoringToken;

/// Which endpoints of a list are wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndpointQuery {
    /// With deployments that clients manage one by one, or without.
    pub is_versioned: Option<bool>,
    /// Using a model of this name.
    pub model_name: Option<String>,
    /// Using this model, `name:version`.
    pub model_id: Option<String>,
    /// With these tags; `None` as value asks for the name alone.
    pub tags: Vec<(String, Option<String>)>,
    /// With these properties, likewise.
    pub properties: Vec<(String, Option<String>)>,
}
