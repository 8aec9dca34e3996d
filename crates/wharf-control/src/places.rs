//! Where things live: subscriptions, resource groups, workspaces.

use uuid::Uuid;
use wharf_core::{
    Result,
    workspace::{Caller, ResourceGroup, Subscription, Workspace, WorkspacePath},
};

use crate::App;

impl App {
    /// The tenant's id.
    pub fn tenant(&self) -> Uuid {
        todo!()
    }

    /// All subscriptions.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn subscription_list(&self, caller: &Caller) -> Result<Vec<Subscription>> {
        let _ = caller;
        todo!()
    }

    /// One subscription.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn subscription_get(&self, caller: &Caller, id: &str) -> Result<Subscription> {
        let _ = (caller, id);
        todo!()
    }

    /// One resource group; names compare without case.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] naming the first part that is not there.
    pub async fn resource_group_get(
        &self,
        caller: &Caller,
        subscription: &str,
        group: &str,
    ) -> Result<ResourceGroup> {
        let _ = (caller, subscription, group);
        todo!()
    }

    /// The groups of a subscription.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn resource_group_list(
        &self,
        caller: &Caller,
        subscription: &str,
    ) -> Result<Vec<ResourceGroup>> {
        let _ = (caller, subscription);
        todo!()
    }

    /// One workspace; names compare without case.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] naming the first part that is not there.
    pub async fn workspace_get(&self, caller: &Caller, path: &WorkspacePath) -> Result<Workspace> {
        let _ = (caller, path);
        todo!()
    }

    /// A workspace by its id.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn workspace_by_id(&self, caller: &Caller, id: Uuid) -> Result<Workspace> {
        let _ = (caller, id);
        todo!()
    }

    /// The workspaces of a subscription, or of one of its groups.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn workspace_list(
        &self,
        caller: &Caller,
        subscription: &str,
        group: Option<&str>,
    ) -> Result<Vec<Workspace>> {
        let _ = (caller, subscription, group);
        todo!()
    }
}
