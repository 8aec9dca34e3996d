//! How much of everything a workspace may have.

use std::fmt;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Versions of models.
    Models,
    /// Bytes of uploaded files.
    Bytes,
    /// Services.
    Services,
    /// Operations that have not ended.
    Operations,
    /// Computes.
    Computes,
}

impl Quota {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Models,
        Self::Bytes,
        Self::Services,
        Self::Operations,
        Self::Computes,
    ];

    /// Its name in the store and in the option `--most-NAME`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Bytes => "bytes",
            Self::Services => "services",
            Self::Operations => "operations",
            Self::Computes => "computes",
        }
    }

    /// The quota of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quota| quota.as_str() == name)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Models => "versions of models",
            Self::Bytes => "bytes of uploaded files",
            Self::Services => "services",
            Self::Operations => "operations that have not ended",
            Self::Computes => "computes",
        })
    }
}

/// The most that each workspace may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Versions of models. AML allows 10 million a workspace.
    pub models: u64,
    /// Bytes of uploaded files.
    pub bytes: u64,
    /// Services. AML allows 200 deployments a subscription.
    pub services: u64,
    /// Operations that have not ended.
    pub operations: u64,
    /// Computes.
    pub computes: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            models: 1_000_000,
            bytes: 10 << 40,
            services: 10_000,
            operations: 10_000,
            computes: 1_000,
        }
    }
}

impl Quotas {
    /// The most of one kind.
    pub fn most(&self, quota: Quota) -> u64 {
        match quota {
            Quota::Models => self.models,
            Quota::Bytes => self.bytes,
            Quota::Services => self.services,
            Quota::Operations => self.operations,
            Quota::Computes => self.computes,
        }
    }
}

/// What would be too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverQuota {
    /// Of what.
    pub quota: Quota,
    /// What there is without the request.
    pub used: u64,
    /// What there may be.
    pub most: u64,
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quota, used, most } = self;
        let remedy = match quota {
            Quota::Operations => "wait until some have ended",
            Quota::Bytes => "delete models that are not needed",
            Quota::Models | Quota::Services | Quota::Computes => "delete some that are not needed",
        };
        write!(
            f,
            "the workspace has {used} {quota}, and with this request it would have more than the \
             {most} that it may have; {remedy}, or let the operator raise `--most-{}` of `wharf \
             server`",
            quota.as_str()
        )
    }
}
