//! Long-running operations: derived while open, frozen when they end.
//!
//! ARM clients treat an end state as final. Were the state only ever computed,
//! generation 4's success would turn generation 3's failure into a success, and
//! a deleted resource would leave nothing to compute from. So the end state is
//! written once, in the transaction that writes the status it follows from.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::resource::{Failure, Generation, Observed};

/// An operation's id: random, so that it cannot be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OperationId(pub Uuid);

impl OperationId {
    /// A fresh id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for OperationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What the client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verb {
    /// A new resource.
    Create,
    /// A change of its spec.
    Update,
    /// Its removal.
    Delete,
}

impl Verb {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The resource kinds that reconcilers move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TargetKind {
    /// A compute.
    Compute,
    /// A managed cluster.
    ManagedCluster,
    /// An endpoint with its deployment.
    Endpoint,
    /// A template deployment, which no reconciler moves: it ends where it begins.
    TemplateDeployment,
}

impl TargetKind {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::ManagedCluster => "managed_cluster",
            Self::Endpoint => "endpoint",
            Self::TemplateDeployment => "template_deployment",
        }
    }
}

/// Where an operation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationState {
    /// Still open.
    InProgress,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed(Failure),
    /// Overtaken by a newer change, which failed or removed the resource.
    Canceled,
}

impl OperationState {
    /// Whether the state can still change.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::InProgress)
    }
}

/// One long-running request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id, in the URL that clients poll.
    pub id: OperationId,
    /// The workspace it belongs to; `None` for what lives outside workspaces.
    pub workspace: Option<Uuid>,
    /// What was asked.
    pub verb: Verb,
    /// The kind of resource.
    pub target_kind: TargetKind,
    /// The resource's id; it may be gone by now.
    pub target: Uuid,
    /// The resource's name, for messages.
    pub target_name: String,
    /// The generation that ends it.
    pub generation: Generation,
    /// Where it stands.
    pub state: OperationState,
    /// What is being done right now, for people who wait.
    pub step: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What an *open* operation aiming at `target` shows now. [`OperationState::Canceled`]:
/// a newer change overtook it and failed, or removed the resource before it was as the
/// operation wanted it.
pub fn derive(target: Generation, observed: &Observed) -> OperationState {
    match observed {
        Observed::Reached(at) if *at >= target => OperationState::Succeeded,
        Observed::Failed { at, failure } if *at == target => {
            OperationState::Failed(failure.clone())
        }
        Observed::Failed { at, .. } | Observed::Gone(at) if *at > target => {
            OperationState::Canceled
        }
        Observed::Gone(at) if *at == target => OperationState::Succeeded,
        _ => OperationState::InProgress,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn observed() -> impl Strategy<Value = Observed> {
        prop_oneof![
            Just(Observed::NotYet),
            (1u64..6).prop_map(|at| Observed::Gone(Generation(at))),
            (1u64..6).prop_map(|at| Observed::Reached(Generation(at))),
            (1u64..6).prop_map(|at| Observed::Failed {
                at: Generation(at),
                failure: Failure::new("Why", "because"),
            }),
        ]
    }

    proptest! {
        #[test]
        fn an_operation_ends_exactly_when_its_generation_has_an_end(
            target in 1u64..6, observed in observed(),
        ) {
            let state = derive(Generation(target), &observed);
            prop_assert_eq!(!state.is_open(), observed.has_ended(Generation(target)));
        }

        #[test]
        fn success_needs_the_generation_to_be_reached(target in 1u64..6, observed in observed()) {
            let succeeded = derive(Generation(target), &observed) == OperationState::Succeeded;
            let reached = match &observed {
                Observed::Reached(at) => at.0 >= target,
                Observed::Gone(at) => at.0 == target,
                Observed::NotYet | Observed::Failed { .. } => false,
            };
            prop_assert_eq!(succeeded, reached);
        }

        #[test]
        fn only_the_failing_generation_fails(target in 1u64..6, at in 1u64..6) {
            let failure = Failure::new("Why", "because");
            let observed = Observed::Failed { at: Generation(at), failure: failure.clone() };
            let expected = match at.cmp(&target) {
                std::cmp::Ordering::Less => OperationState::InProgress,
                std::cmp::Ordering::Equal => OperationState::Failed(failure),
                std::cmp::Ordering::Greater => OperationState::Canceled,
            };
            prop_assert_eq!(derive(Generation(target), &observed), expected);
        }
    }
}
