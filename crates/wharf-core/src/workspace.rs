//! Subscriptions, resource groups, workspaces and principals: where things live
//! and who asks.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access::{self, Assignment, Reach, Scope},
    name::WorkspaceName,
    resource_id::ResourceId,
};

/// A subscription of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id, a GUID.
    pub id: Uuid,
    /// What people read.
    pub display_name: String,
    /// The tenant it belongs to.
    pub tenant: Uuid,
}

impl Subscription {
    /// Where roles on it are held.
    pub fn scope(&self) -> Scope {
        Scope::subscription(self.id)
    }
}

/// A resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceGroup {
    /// The subscription it is in.
    pub subscription: Uuid,
    /// Its name as first written.
    pub name: String,
    /// Its location.
    pub location: String,
}

impl ResourceGroup {
    /// Where roles on it are held.
    pub fn scope(&self) -> Scope {
        let subscription = self.subscription.to_string();
        Scope::of_segments(["subscriptions", &subscription, "resourceGroups", &self.name])
    }
}

/// A machine-learning workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace {
    /// Its id, a GUID; it names the workspace for ever, renaming or not.
    pub id: Uuid,
    /// The subscription it is in.
    pub subscription: Uuid,
    /// The resource group it is in, as first written.
    pub group: String,
    /// Its name.
    pub name: WorkspaceName,
    /// Its location.
    pub location: String,
    /// What people read instead of the name.
    pub friendly_name: String,
    /// Free text.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Workspace {
    /// Its ARM id.
    pub fn resource_id(&self) -> ResourceId {
        ResourceId::workspace(
            &self.subscription.to_string(),
            &self.group,
            self.name.as_str(),
        )
    }

    /// Where roles on it are held.
    pub fn scope(&self) -> Scope {
        self.resource_id().scope()
    }
}

/// A workspace as a request's path names it; not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkspacePath {
    /// The subscription's id as written.
    pub subscription: String,
    /// The resource group's name as written.
    pub group: String,
    /// The workspace's name as written.
    pub workspace: String,
}

/// Someone who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Its object id.
    pub id: Uuid,
    /// Its client id: the user name of a client-credentials sign-in.
    pub client_id: Uuid,
    /// What people read; unique without case.
    pub display_name: String,
}

/// A caller whose proof was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// In which tenant.
    pub tenant: Uuid,
    /// What it may do, and where.
    pub assignments: Arc<[Assignment]>,
}

impl Caller {
    /// Whether it may do `action` at `scope`.
    pub fn may(&self, action: &str, scope: &Scope) -> bool {
        access::decide(&self.assignments, action, scope, &Reach::Exact)
    }

    /// Whether it may read what is at `scope`: every role may.
    pub fn may_read(&self, scope: &Scope) -> bool {
        self.may("*/read", scope)
    }

    /// Whether anything at `scope`, above it or below it is the caller's to read: then
    /// it may know that the place is there.
    pub fn sees(&self, scope: &Scope) -> bool {
        let below = Reach::Within(scope.clone());
        access::decide(&self.assignments, "*/read", scope, &below)
    }
}
