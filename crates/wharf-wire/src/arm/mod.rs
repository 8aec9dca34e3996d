//! Azure Resource Manager, and the sign-in that goes with it.
//!
//! Requests are parsed from JSON values member by member ([`fields`]), so that
//! they are told all that is wrong and lose nothing; answers are structs that the
//! command line reads too.

pub mod activity_log;
pub mod authorization;
pub mod compute_tls;
pub mod computes;
pub mod credentials;
pub mod deployments;
pub mod errors;
mod fields;
pub mod kubernetes_versions;
pub mod managed_clusters;
pub mod metadata;
pub mod operations;
pub mod providers;
pub mod resource_groups;
pub mod resources;
pub mod sign_in;
pub mod subscriptions;
pub mod workspace_actions;
pub mod workspaces;
