//! Azure Resource Manager.

mod authorization;
mod clusters;
mod computes;
mod deployments;
mod places;
mod workspaces;
