//! Subscriptions, resource groups, workspaces and principals: where things live
//! and who asks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{name::WorkspaceName, resource_id::ResourceId};

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
    /// What people read.
    pub display_name: String,
}

/// A caller whose proof was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// In which tenant.
    pub tenant: Uuid,
}
