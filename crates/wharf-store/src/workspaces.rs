//! Subscriptions, resource groups and workspaces.

use sqlx::{AssertSqlSafe, sqlite::SqliteRow};
use uuid::Uuid;
use wharf_core::workspace::{ResourceGroup, Subscription, Workspace};

use crate::{
    Session, StoreError, Txn,
    group_page::GroupPage,
    row::{Columns as _, id, json},
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
        tags: row.json("tags")?,
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
        tags: row.json("tags")?,
        kept: row.json("kept")?,
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

    /// At most `limit` workspaces of a subscription, or of one of its groups, after
    /// the one named `after` in its group; by group and name.
    pub async fn workspace_list(
        &mut self,
        subscription: &Uuid,
        group: Option<&str>,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<Workspace>> {
        let page = GroupPage {
            subscription,
            group,
            after,
            limit,
        };
        let query = page.query(
            "SELECT * FROM workspaces
             WHERE subscription = ? AND group_key = ? AND name_key > ?
             ORDER BY name_key LIMIT ?",
            "SELECT * FROM workspaces
             WHERE subscription = ? AND (group_key, name_key) > (?, ?)
             ORDER BY group_key, name_key LIMIT ?",
        );
        let rows = query.fetch_all(self.db()).await?;
        rows.iter().map(workspace).collect()
    }

    /// What keeps a workspace from being removed: at most `limit` names of its
    /// computes and as many of its endpoints.
    pub async fn workspace_occupants(
        &mut self,
        key: &Uuid,
        limit: u32,
    ) -> Result<(Vec<String>, Vec<String>)> {
        let computes =
            sqlx::query("SELECT name FROM computes WHERE workspace = ? ORDER BY name_key LIMIT ?")
                .bind(id(key))
                .bind(limit)
                .fetch_all(self.db())
                .await?;
        let endpoints =
            sqlx::query("SELECT name FROM endpoints WHERE workspace = ? ORDER BY name LIMIT ?")
                .bind(id(key))
                .bind(limit)
                .fetch_all(self.db())
                .await?;
        let names = |rows: &[SqliteRow]| -> Result<Vec<String>> {
            rows.iter().map(|row| row.text("name")).collect()
        };
        Ok((names(&computes)?, names(&endpoints)?))
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
            "INSERT INTO resource_groups (subscription, name_key, name, location, tags)
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(id(&group.subscription))
        .bind(group.name.to_ascii_lowercase())
        .bind(&group.name)
        .bind(&group.location)
        .bind(json(&group.tags)?)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Changes the labels of a resource group.
    pub async fn resource_group_update(&mut self, group: &ResourceGroup) -> Result<()> {
        sqlx::query("UPDATE resource_groups SET tags = ? WHERE subscription = ? AND name_key = ?")
            .bind(json(&group.tags)?)
            .bind(id(&group.subscription))
            .bind(group.name.to_ascii_lowercase())
            .execute(self.db())
            .await?;
        Ok(())
    }

    /// A new workspace.
    pub async fn workspace_insert(&mut self, workspace: &Workspace) -> Result<()> {
        sqlx::query(
            "INSERT INTO workspaces (id, subscription, group_key, group_name, name_key, name,
                 location, friendly_name, description, tags, kept, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        .bind(json(&workspace.tags)?)
        .bind(json(&workspace.kept)?)
        .bind(workspace.created_at.as_microsecond())
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Changes what a workspace says of itself.
    pub async fn workspace_update(&mut self, workspace: &Workspace) -> Result<()> {
        sqlx::query(
            "UPDATE workspaces SET friendly_name = ?, description = ?, tags = ?, kept = ?
             WHERE id = ?",
        )
        .bind(&workspace.friendly_name)
        .bind(&workspace.description)
        .bind(json(&workspace.tags)?)
        .bind(json(&workspace.kept)?)
        .bind(id(&workspace.id))
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Forgets a workspace and every row that belongs to it: those of all tables that
    /// refer to `workspaces`, so that a table made later is not forgotten here.
    pub async fn workspace_delete(&mut self, key: &Uuid) -> Result<()> {
        let tables = sqlx::query(
            "SELECT DISTINCT tables.name AS name, keys.\"from\" AS member
             FROM sqlite_schema AS tables, pragma_foreign_key_list(tables.name) AS keys
             WHERE tables.type = 'table' AND keys.\"table\" = 'workspaces' AND keys.\"to\" = 'id'",
        )
        .fetch_all(self.db())
        .await?;
        let mut tables = tables
            .iter()
            .map(|row| Ok((row.text("name")?, row.text("member")?)))
            .collect::<Result<Vec<_>>>()?;
        // Rows of these tables also refer to each other: what cannot go yet is tried
        // again when others are gone.
        while !tables.is_empty() {
            let mut kept = Vec::new();
            let before = tables.len();
            for (name, member) in tables {
                // Names of our own schema, nothing that a client sent.
                let delete = format!("DELETE FROM \"{name}\" WHERE \"{member}\" = ?");
                let done = sqlx::query(AssertSqlSafe(delete))
                    .bind(id(key))
                    .execute(self.db())
                    .await;
                match done.map_err(StoreError::from) {
                    Ok(_) => {}
                    Err(StoreError::Constraint(_)) => kept.push((name, member)),
                    Err(error) => return Err(error),
                }
            }
            if kept.len() == before {
                let names: Vec<_> = kept.into_iter().map(|(name, _)| name).collect();
                return Err(StoreError::Constraint(names.join(", ")));
            }
            tables = kept;
        }
        sqlx::query("DELETE FROM workspaces WHERE id = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{SealKey, Store};

    /// Tables with a `workspace` that outlive it, or go with something else of it.
    const NOT_ITS_OWN: [&str; 7] = [
        "asset_places",
        "operations",
        "endpoint_models",
        "endpoint_terms",
        "environment_labels",
        "model_terms",
        "usage",
    ];

    /// [`Txn::workspace_delete`] finds rows by the foreign keys of the schema.
    #[tokio::test]
    async fn what_belongs_to_a_workspace_refers_to_it() {
        let folder = TempDir::new().expect("a folder");
        let seal = SealKey::new(&[7; 32]).expect("a key");
        let store = Store::open(&folder.path().join("wharf.db"), seal)
            .await
            .expect("a database");
        let mut session = store.read().await.expect("a session");
        let rows = sqlx::query(
            "SELECT tables.name AS name FROM sqlite_schema AS tables,
                 pragma_table_info(tables.name) AS columns
             WHERE tables.type = 'table' AND columns.name = 'workspace' AND NOT EXISTS (
                 SELECT 1 FROM pragma_foreign_key_list(tables.name) AS keys
                 WHERE keys.\"table\" = 'workspaces' AND keys.\"from\" = 'workspace')
             ORDER BY tables.name DESC",
        )
        .fetch_all(session.db())
        .await
        .expect("the schema");
        let names: Vec<_> = rows.iter().map(|row| row.text("name")).collect();
        let names: Vec<_> = names.into_iter().collect::<Result<_>>().expect("names");
        let others: Vec<_> = names
            .iter()
            .filter(|name| !NOT_ITS_OWN.contains(&name.as_str()))
            .collect();
        assert!(
            others.is_empty(),
            "{others:?}: refer to `workspaces`, or say here that rows outlive a workspace"
        );
    }
}
