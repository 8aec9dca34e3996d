//! Where things live: subscriptions, resource groups, workspaces.

use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    workspace::{Caller, ResourceGroup, Subscription, Workspace, WorkspacePath},
};

use wharf_store::Session;

use crate::App;

/// Finds a workspace, or names the first part of its path that is not there.
pub(crate) async fn find_workspace(
    session: &mut Session,
    path: &WorkspacePath,
) -> Result<Workspace> {
    let subscription = subscription_id(&path.subscription)?;
    if let Some(workspace) = session
        .workspace_get(&subscription, &path.group, &path.workspace)
        .await?
    {
        return Ok(workspace);
    }
    find_group(session, &path.subscription, &path.group).await?;
    Err(Error::not_found(Kind::Workspace, &path.workspace))
}

pub(crate) async fn find_group(
    session: &mut Session,
    subscription: &str,
    group: &str,
) -> Result<ResourceGroup> {
    let subscription = find_subscription(session, subscription).await?;
    session
        .resource_group_get(&subscription.id, group)
        .await?
        .ok_or_else(|| Error::not_found(Kind::ResourceGroup, group))
}

pub(crate) async fn find_subscription(session: &mut Session, id: &str) -> Result<Subscription> {
    let key = subscription_id(id)?;
    session
        .subscription_get(&key)
        .await?
        .ok_or_else(|| Error::not_found(Kind::Subscription, id))
}

fn subscription_id(text: &str) -> Result<Uuid> {
    text.parse()
        .map_err(|_| Error::not_found(Kind::Subscription, text))
}

/// The subscription that a list is asked of, itself or by one group of it; or names the
/// one that is not there.
pub(crate) async fn find_listed(
    session: &mut Session,
    subscription: &str,
    group: Option<&str>,
) -> Result<Uuid> {
    match group {
        Some(group) => Ok(find_group(session, subscription, group).await?.subscription),
        None => Ok(find_subscription(session, subscription).await?.id),
    }
}

impl App {
    /// The tenant's id.
    pub fn tenant(&self) -> Uuid {
        self.inner.administrator.tenant
    }

    /// The subscriptions that hold something of the caller's.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn subscription_list(&self, caller: &Caller) -> Result<Vec<Subscription>> {
        let mut subscriptions = self.store().read().await?.subscription_list().await?;
        subscriptions.retain(|subscription| caller.sees(&subscription.scope()));
        Ok(subscriptions)
    }

    /// One subscription.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn subscription_get(&self, _caller: &Caller, id: &str) -> Result<Subscription> {
        find_subscription(&mut self.store().read().await?, id).await
    }

    /// One resource group; names compare without case.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] naming the first part that is not there.
    pub async fn resource_group_get(
        &self,
        _caller: &Caller,
        subscription: &str,
        group: &str,
    ) -> Result<ResourceGroup> {
        find_group(&mut self.store().read().await?, subscription, group).await
    }

    /// The groups of a subscription that hold something of the caller's.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn resource_group_list(
        &self,
        caller: &Caller,
        subscription: &str,
    ) -> Result<Vec<ResourceGroup>> {
        let mut session = self.store().read().await?;
        let subscription = find_subscription(&mut session, subscription).await?;
        let mut groups = session.resource_group_list(&subscription.id).await?;
        groups.retain(|group| caller.sees(&group.scope()));
        Ok(groups)
    }

    /// One workspace; names compare without case.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] naming the first part that is not there.
    pub async fn workspace_get(&self, _caller: &Caller, path: &WorkspacePath) -> Result<Workspace> {
        find_workspace(&mut self.store().read().await?, path).await
    }

    /// A workspace by its id; needs no caller, since the discovery document is
    /// open to all and holds addresses alone.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn workspace_by_id(&self, id: Uuid) -> Result<Workspace> {
        let found = self.store().read().await?.workspace_by_id(&id).await?;
        found.ok_or_else(|| Error::not_found(Kind::Workspace, id.to_string()))
    }
}
