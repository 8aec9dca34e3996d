//! What a first start makes: tenant, subscription, resource group, workspace,
//! administrator, and the local cluster. A later start changes none of it but the
//! administrator's secret, when its file was changed.

use uuid::Uuid;
use wharf_core::Secret;

use crate::App;

/// What a first start needs to know.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The administrator's secret; the caller keeps it in a file of its own.
    pub administrator_secret: Secret,
    /// Name of the resource group.
    pub resource_group: String,
    /// Name of the workspace.
    pub workspace: String,
    /// Location of everything.
    pub location: String,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            administrator_secret: Secret::new(""),
            resource_group: "wharf".into(),
            workspace: "default".into(),
            location: "local".into(),
        }
    }
}

/// The first administrator and the first workspace, as `admin.json` shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// The tenant.
    pub tenant: Uuid,
    /// The subscription.
    pub subscription: Uuid,
    /// The resource group's name.
    pub resource_group: String,
    /// The workspace's name.
    pub workspace: String,
    /// Client id for a client-credentials sign-in.
    pub client_id: Uuid,
}

impl App {
    /// What the first start made.
    pub fn administrator(&self) -> &Administrator {
        todo!()
    }
}
