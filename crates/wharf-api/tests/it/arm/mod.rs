//! Azure Resource Manager.

mod authorization;
mod clusters;
mod computes;
mod places;
