//! Azure Resource Manager.

mod clusters;
mod computes;
mod places;
