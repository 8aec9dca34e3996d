//! What every reconciled resource has: a generation that counts changes of its
//! spec, and a status that says which generation it speaks of.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;

/// Counts the changes of a spec; the first is 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation of a new resource.
    pub const FIRST: Self = Self(1);

    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a generation could not be reached: a code that programs read, a message
/// that a person can act on, and the findings behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word, for example `KubernetesError` or `EnvironmentRefused`.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
    /// Details, one per field or cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Finding>,
}

impl Failure {
    /// A failure without details.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// One failure of several, each with the name of the version that failed where it
    /// is one; `None` of none. The code is that of the first.
    pub fn together<N: fmt::Display>(failures: &[(Option<N>, &Self)]) -> Option<Self> {
        let (_, first) = failures.first()?;
        let messages: Vec<_> = failures
            .iter()
            .map(|(name, failure)| match name {
                Some(name) => format!("version `{name}`: {}", failure.message),
                None => failure.message.clone(),
            })
            .collect();
        let details = failures.iter().flat_map(|(_, it)| it.details.clone());
        Some(Self {
            code: first.code.clone(),
            message: messages.join("\n"),
            details: details.collect(),
        })
    }
}

/// What the reconciler has seen of a resource, as far as operations care.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed {
    /// No generation has been reached or has failed yet.
    NotYet,
    /// The world matches this generation.
    Reached(Generation),
    /// This generation cannot be reached.
    Failed {
        /// Which generation.
        at: Generation,
        /// Why.
        failure: Failure,
    },
    /// The resource is gone, as this generation wanted.
    Gone(Generation),
}

impl Observed {
    /// Whether `generation` has an end, good or bad.
    pub fn has_ended(&self, generation: Generation) -> bool {
        match self {
            Self::NotYet => false,
            Self::Reached(at) | Self::Failed { at, .. } | Self::Gone(at) => *at >= generation,
        }
    }
}
