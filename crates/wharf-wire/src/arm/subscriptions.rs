//! Subscriptions and tenants.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A subscription. SDK v1 calls `.lower()` on both texts, so neither may be null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// `/subscriptions/ID`.
    pub id: String,
    /// The ID alone.
    pub subscription_id: String,
    /// What people read.
    pub display_name: String,
    /// `Enabled`: clients leave out all others.
    pub state: String,
    /// The tenant it belongs to.
    pub tenant_id: String,
}

impl From<&wharf_core::workspace::Subscription> for Subscription {
    fn from(subscription: &wharf_core::workspace::Subscription) -> Self {
        Self {
            id: format!("/subscriptions/{}", subscription.id),
            subscription_id: subscription.id.to_string(),
            display_name: subscription.display_name.clone(),
            state: "Enabled".to_owned(),
            tenant_id: subscription.tenant.to_string(),
        }
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// `/tenants/ID`.
    pub id: String,
    /// The ID alone.
    pub tenant_id: String,
    /// What people read.
    pub display_name: String,
}

impl From<Uuid> for Tenant {
    fn from(id: Uuid) -> Self {
        Self {
            id: format!("/tenants/{id}"),
            tenant_id: id.to_string(),
            display_name: "Wharf".to_owned(),
        }
    }
}
