//! Subscriptions, resource groups and workspaces.

use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf_core::workspace::{ResourceGroup, Subscription, Workspace};

use crate::{
    Session, StoreError, Txn,
    row::{Columns as _, id},
};

type Result<T> = std::result::Result<T, StoreError>;

fn subscription(row: &SqliteRow) -> Result<Subscription> {
    Ok(Subscription {
        id: row.uuid("id")?,
        display_name: row.text("display_name")?,
        tenant: row.uuid("tenant")?,
    })
}

fn resource_group(row: &SqliteRow) -> Result<ResourceGroup> {
    Ok(ResourceGroup {
        subscription: row.uuid("subscription")?,
        name: row.text("name")?,
        location: row.text("location")?,
    })
}

fn workspace(row: &SqliteRow) -> Result<Workspace> {
    Ok(Workspace {
        id: row.uuid("id")?,
        subscription: row.uuid("subscription")?,
        group: row.text("group_name")?,
        name: row.parsed("name")?,
        location: row.text("location")?,
        friendly_name: row.text("friendly_name")?,
        description: row.text("description")?,
        created_at: row.time("created_at")?,
    })
}

impl Session {
    /// All subscriptions, by id.
    pub async fn subscription_list(&mut self) -> Result<Vec<Subscription>> {
        let rows = sqlx::query("SELECT * FROM subscriptions ORDER BY id")
            .fetch_all(self.db())
            .await?;
        rows.iter().map(subscription).collect()
    }

    /// One subscription.
    pub async fn subscription_get(&mut self, key: &Uuid) -> Result<Option<Subscription>> {
        let row = sqlx::query("SELECT * FROM subscriptions WHERE id = ?")
            .bind(id(key))
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(subscription).transpose()
    }

    /// One resource group; the name compares without case.
    pub async fn resource_group_get(
        &mut self,
        subscription: &Uuid,
        name: &str,
    ) -> Result<Option<ResourceGroup>> {
        let row =
            sqlx::query("SELECT * FROM resource_groups WHERE subscription = ? AND name_key = ?")
                .bind(id(subscription))
                .bind(name.to_ascii_lowercase())
                .fetch_optional(self.db())
                .await?;
        row.as_ref().map(resource_group).transpose()
    }

    /// The groups of a subscription, by name.
    pub async fn resource_group_list(&mut self, subscription: &Uuid) -> Result<Vec<ResourceGroup>> {
        let rows =
            sqlx::query("SELECT * FROM resource_groups WHERE subscription = ? ORDER BY name_key")
                .bind(id(subscription))
                .fetch_all(self.db())
                .await?;
        rows.iter().map(resource_group).collect()
    }

    /// One workspace; names compare without case.
    pub async fn workspace_get(
        &mut self,
        subscription: &Uuid,
        group: &str,
        name: &str,
    ) -> Result<Option<Workspace>> {
        let row = sqlx::query(
            "SELECT * FROM workspaces WHERE subscription = ? AND group_key = ? AND name_key = ?",
        )
        .bind(id(subscription))
        .bind(group.to_ascii_lowercase())
        .bind(name.to_ascii_lowercase())
        .fetch_optional(self.db())
        .await?;
        row.as_ref().map(workspace).transpose()
    }

    /// One workspace by its id.
    pub async fn workspace_by_id(&mut self, key: &Uuid) -> Result<Option<Workspace>> {
        let row = sqlx::query("SELECT * FROM workspaces WHERE id = ?")
            .bind(id(key))
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(workspace).transpose()
    }

    /// The workspaces of a subscription, by group and name.
    pub async fn workspace_list(&mut self, subscription: &Uuid) -> Result<Vec<Workspace>> {
        let rows = sqlx::query(
            "SELECT * FROM workspaces WHERE subscription = ? ORDER BY group_key, name_key",
        )
        .bind(id(subscription))
        .fetch_all(self.db())
        .await?;
        rows.iter().map(workspace).collect()
    }
}

impl Txn {
    /// A new subscription.
    pub async fn subscription_insert(&mut self, subscription: &Subscription) -> Result<()> {
        sqlx::query("INSERT INTO subscriptions (id, display_name, tenant) VALUES (?, ?, ?)")
            .bind(id(&subscription.id))
            .bind(&subscription.display_name)
            .bind(id(&subscription.tenant))
            .execute(self.db())
            .await?;
        Ok(())
    }

    /// A new resource group.
    pub async fn resource_group_insert(&mut self, group: &ResourceGroup) -> Result<()> {
        sqlx::query(
            "INSERT INTO resource_groups (subscription, name_key, name, location)
             VALUES (?, ?, ?, ?)",
        )
        .bind(id(&group.subscription))
        .bind(group.name.to_ascii_lowercase())
        .bind(&group.name)
        .bind(&group.location)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// A new workspace.
    pub async fn workspace_insert(&mut self, workspace: &Workspace) -> Result<()> {
        sqlx::query(
            "INSERT INTO workspaces (id, subscription, group_key, group_name, name_key, name,
                 location, friendly_name, description, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id(&workspace.id))
        .bind(id(&workspace.subscription))
        .bind(workspace.group.to_ascii_lowercase())
        .bind(&workspace.group)
        .bind(workspace.name.key())
        .bind(workspace.name.as_str())
        .bind(&workspace.location)
        .bind(&workspace.friendly_name)
        .bind(&workspace.description)
        .bind(workspace.created_at.as_microsecond())
        .execute(self.db())
        .await?;
        Ok(())
    }
}
