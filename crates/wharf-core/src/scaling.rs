//! How many replicas a deployment has.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// Fixed, or decided by load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scaling {
    /// Always this many.
    Fixed(NonZeroU32),
    /// As many as the load asks for.
    Auto(Autoscale),
}

/// The rules of autoscaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autoscale {
    /// Never fewer.
    pub min: NonZeroU32,
    /// Never more.
    pub max: NonZeroU32,
    /// Share of busy capacity to aim at, 1–100 percent.
    pub target_percent: NonZeroU32,
    /// Seconds between two looks.
    pub refresh_seconds: NonZeroU32,
}

impl Scaling {
    /// Replicas a fresh deployment starts with.
    pub fn initial(self) -> u32 {
        match self {
            Self::Fixed(count) => count.get(),
            Self::Auto(rules) => rules.min.get(),
        }
    }

    /// `count` brought between the bounds.
    pub fn clamp(self, count: u32) -> u32 {
        match self {
            Self::Fixed(fixed) => fixed.get(),
            Self::Auto(rules) => count.clamp(rules.min.get(), rules.max.get()),
        }
    }
}
