//! Azure Resource Manager: one handler per route, one use case per handler.

pub(crate) mod activity_log;
pub(crate) mod authorization;
pub(crate) mod computes;
pub(crate) mod deployments;
pub(crate) mod errors;
pub(crate) mod kubernetes_versions;
pub(crate) mod managed_clusters;
pub(crate) mod operations;
mod pending;
pub(crate) mod providers;
pub(crate) mod resource_groups;
pub(crate) mod resources;
pub(crate) mod subscriptions;
pub(crate) mod workspace_actions;
pub(crate) mod workspaces;
