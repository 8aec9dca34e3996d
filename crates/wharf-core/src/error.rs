//! The one error of the domain.
//!
//! Each surface (ARM, data plane, command line) dresses it at its last line;
//! no status code is known here. [`Error::Internal`] is our own bug: the caller
//! reads a fixed sentence and a request id, `inside` goes to the log alone.

use std::fmt;

use crate::{finding::Finding, quota::OverQuota};

/// What a message speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A subscription of the tenant.
    Subscription,
    /// A resource group.
    ResourceGroup,
    /// A machine-learning workspace.
    Workspace,
    /// An attachment of a cluster to a workspace.
    Compute,
    /// A Kubernetes cluster that Wharf knows.
    ManagedCluster,
    /// A registered model version.
    Model,
    /// A set of artifacts under one id.
    Asset,
    /// An uploaded file.
    Artifact,
    /// An endpoint; the v1 wire says "service".
    Endpoint,
    /// A deployment under an endpoint.
    Deployment,
    /// A long-running request.
    Operation,
    /// Somebody who can sign in.
    Principal,
    /// A role that somebody has somewhere.
    RoleAssignment,
    /// A document of several resources that was put into a group at once.
    TemplateDeployment,
    /// A registered environment.
    Environment,
    /// An environment that Azure itself would keep.
    CuratedEnvironment,
    /// A dataset; none are kept.
    Dataset,
    /// A datastore; none are kept.
    Datastore,
    /// A route that the server does not have.
    Route,
}

impl Kind {
    /// What to do when one was not found, after that sentence; often nothing.
    fn instead(self) -> &'static str {
        match self {
            Self::CuratedEnvironment => {
                "; none of Azure's own environments are kept here: make one with Environment(name) \
                 and CondaDependencies that list its packages"
            }
            Self::Dataset | Self::Datastore => {
                "; datasets and datastores are not kept here: register files as a model, or put \
                 them beside the entry script with source_directory of InferenceConfig"
            }
            _ => "",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscription => "subscription",
            Self::ResourceGroup => "resource group",
            Self::Workspace => "workspace",
            Self::Compute => "compute",
            Self::ManagedCluster => "managed cluster",
            Self::Model => "model",
            Self::Asset => "asset",
            Self::Artifact => "artifact",
            Self::Endpoint => "service",
            Self::Deployment => "deployment",
            Self::Operation => "operation",
            Self::Principal => "principal",
            Self::RoleAssignment => "role assignment",
            Self::TemplateDeployment => "template deployment",
            Self::Environment => "environment",
            Self::CuratedEnvironment => "curated environment",
            Self::Dataset => "dataset",
            Self::Datastore => "datastore",
            Self::Route => "route",
        })
    }
}

/// Everything that a use case can refuse or fail with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nothing of that kind has that name in the scope asked.
    #[error("{kind} `{name}` was not found{}", kind.instead())]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// Its name as the caller wrote it.
        name: String,
    },
    /// The request contradicts what is there now.
    #[error("{kind} `{name}`: {why}")]
    Conflict {
        /// What is in the way.
        kind: Kind,
        /// Its name.
        name: String,
        /// What contradicts, and what the caller can do.
        why: String,
    },
    /// The request breaks rules; every broken rule is listed at once.
    #[error("{}", crate::finding::Findings(.0))]
    Invalid(Vec<Finding>),
    /// The caller did not prove who it is.
    #[error("{why}")]
    Unauthenticated {
        /// What is wrong with the proof.
        why: String,
        /// The token was good but for a signing key that is no longer ours:
        /// clients fetch a fresh one when told so.
        stale_key: bool,
    },
    /// The caller is known and may not do this.
    #[error("{why}")]
    Forbidden {
        /// What is missing.
        why: String,
    },
    /// The workspace would have more of something than it may have.
    #[error("{0}")]
    QuotaExceeded(OverQuota),
    /// An input is larger than its limit.
    #[error("{what} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Which input.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// A precondition header of the request does not hold.
    #[error("{why}")]
    Precondition {
        /// Which, and what is there.
        why: String,
    },
    /// Asked for something that Wharf does not do.
    #[error("{what}")]
    Unsupported {
        /// What, and what to do instead.
        what: String,
    },
    /// The other side is away or full: safe to try again.
    #[error("{what} is not available at the moment")]
    Unavailable {
        /// Who is away.
        what: &'static str,
        /// For the log.
        inside: String,
    },
    /// Our bug.
    #[error("an internal error occurred")]
    Internal {
        /// For the log.
        inside: String,
    },
}

impl Error {
    /// One broken rule.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Finding::new(field, message)])
    }

    /// Shorthand for [`Error::NotFound`].
    pub fn not_found(kind: Kind, name: impl Into<String>) -> Self {
        Self::NotFound {
            kind,
            name: name.into(),
        }
    }

    /// Shorthand for [`Error::Conflict`].
    pub fn conflict(kind: Kind, name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Conflict {
            kind,
            name: name.into(),
            why: why.into(),
        }
    }

    /// Shorthand for [`Error::Internal`].
    pub fn internal(inside: impl fmt::Display) -> Self {
        Self::Internal {
            inside: inside.to_string(),
        }
    }
}

/// What use cases return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
