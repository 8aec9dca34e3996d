//! Template deployments.

use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf_core::template_deployment::TemplateDeployment;

use crate::{
    Session, StoreError, Txn,
    row::{self, Columns as _, id, json},
};

type Result<T> = std::result::Result<T, StoreError>;

fn template_deployment(row: &SqliteRow) -> Result<TemplateDeployment> {
    Ok(TemplateDeployment {
        id: row.uuid("id")?,
        subscription: row.uuid("subscription")?,
        group: row.text("group_name")?,
        name: row.text("name")?,
        shown: row.json("document")?,
        generation: row.generation("generation")?,
        created_at: row.time("created_at")?,
    })
}

impl Session {
    /// One deployment; names compare without case.
    pub async fn template_deployment_get(
        &mut self,
        subscription: &Uuid,
        group: &str,
        name: &str,
    ) -> Result<Option<TemplateDeployment>> {
        let row = sqlx::query(
            "SELECT * FROM template_deployments
             WHERE subscription = ? AND group_key = ? AND name_key = ?",
        )
        .bind(id(subscription))
        .bind(group.to_ascii_lowercase())
        .bind(name.to_ascii_lowercase())
        .fetch_optional(self.db())
        .await?;
        row.as_ref().map(template_deployment).transpose()
    }

    /// At most `limit` deployments of a group after the name `after`.
    pub async fn template_deployment_list(
        &mut self,
        subscription: &Uuid,
        group: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TemplateDeployment>> {
        let rows = sqlx::query(
            "SELECT * FROM template_deployments
             WHERE subscription = ? AND group_key = ? AND name_key > ?
             ORDER BY name_key LIMIT ?",
        )
        .bind(id(subscription))
        .bind(group.to_ascii_lowercase())
        .bind(after.unwrap_or_default().to_ascii_lowercase())
        .bind(limit)
        .fetch_all(self.db())
        .await?;
        rows.iter().map(template_deployment).collect()
    }

    /// How many deployments a group has.
    pub async fn template_deployment_count(
        &mut self,
        subscription: &Uuid,
        group: &str,
    ) -> Result<u64> {
        let row = sqlx::query(
            "SELECT count(*) AS n FROM template_deployments
             WHERE subscription = ? AND group_key = ?",
        )
        .bind(id(subscription))
        .bind(group.to_ascii_lowercase())
        .fetch_one(self.db())
        .await?;
        row.number("n")
    }
}

impl Txn {
    /// Writes a deployment, in the place of an older one of the same name.
    pub async fn template_deployment_put(&mut self, deployment: &TemplateDeployment) -> Result<()> {
        sqlx::query(
            "INSERT INTO template_deployments (id, subscription, group_key, group_name, name_key,
                 name, document, generation, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (subscription, group_key, name_key) DO UPDATE SET
                 document = excluded.document, generation = excluded.generation,
                 created_at = excluded.created_at",
        )
        .bind(id(&deployment.id))
        .bind(id(&deployment.subscription))
        .bind(deployment.group.to_ascii_lowercase())
        .bind(&deployment.group)
        .bind(deployment.name.to_ascii_lowercase())
        .bind(&deployment.name)
        .bind(json(&deployment.shown)?)
        .bind(row::generation(deployment.generation))
        .bind(deployment.created_at.as_microsecond())
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Forgets a deployment; what it made stays.
    pub async fn template_deployment_delete(&mut self, key: &Uuid) -> Result<bool> {
        let done = sqlx::query("DELETE FROM template_deployments WHERE id = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets the oldest deployment of a group, as ARM does near its limit.
    pub async fn template_deployment_delete_oldest(
        &mut self,
        subscription: &Uuid,
        group: &str,
    ) -> Result<()> {
        sqlx::query(
            "DELETE FROM template_deployments WHERE id = (
                 SELECT id FROM template_deployments WHERE subscription = ? AND group_key = ?
                 ORDER BY created_at LIMIT 1)",
        )
        .bind(id(subscription))
        .bind(group.to_ascii_lowercase())
        .execute(self.db())
        .await?;
        Ok(())
    }
}
