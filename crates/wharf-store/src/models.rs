//! Registered models.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf_core::{
    model::{Model, ModelId, ModelSpec},
    name::ModelName,
};

use crate::{
    Session, StoreError, Txn,
    row::{self, Columns as _, id, json},
};

type Result<T> = std::result::Result<T, StoreError>;

fn model(row: &SqliteRow) -> Result<Model> {
    Ok(Model {
        uuid: row.uuid("id")?,
        workspace: row.uuid("workspace")?,
        id: ModelId {
            name: row.parsed("name")?,
            version: row.number("version")?,
        },
        spec: row.json("spec")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        modified_at: row.time("modified_at")?,
    })
}

impl Session {
    /// One model version.
    pub async fn model_get(&mut self, workspace: &Uuid, key: &ModelId) -> Result<Option<Model>> {
        let row =
            sqlx::query("SELECT * FROM models WHERE workspace = ? AND name = ? AND version = ?")
                .bind(id(workspace))
                .bind(key.name.as_str())
                .bind(row::size(key.version))
                .fetch_optional(self.db())
                .await?;
        row.as_ref().map(model).transpose()
    }

    /// At most `limit` models of a workspace, by name and then newest first, after
    /// `after`; only those named `name` when given.
    pub async fn model_list(
        &mut self,
        workspace: &Uuid,
        name: Option<&str>,
        after: Option<&ModelId>,
        limit: u32,
    ) -> Result<Vec<Model>> {
        let (after_name, after_version) = after.map_or(("", i64::MAX), |after| {
            (after.name.as_str(), row::size(after.version))
        });
        let query = match name {
            Some(name) => sqlx::query(
                "SELECT * FROM models WHERE workspace = ? AND name = ? AND version < ?
                 ORDER BY version DESC LIMIT ?",
            )
            .bind(id(workspace))
            .bind(name)
            .bind(after_version),
            // Two ranges of one index: the rest of the name begun, and the names
            // after it.
            None => sqlx::query(
                "SELECT * FROM (
                     SELECT * FROM models WHERE workspace = ?1 AND name = ?2 AND version < ?3
                     UNION ALL
                     SELECT * FROM (SELECT * FROM models WHERE workspace = ?1 AND name > ?2
                                    ORDER BY name, version DESC LIMIT ?4)
                 ) ORDER BY name, version DESC LIMIT ?4",
            )
            .bind(id(workspace))
            .bind(after_name)
            .bind(after_version),
        };
        let rows = query.bind(limit).fetch_all(self.db()).await?;
        rows.iter().map(model).collect()
    }

    /// Names of the endpoints whose newest spec uses a model, at most 20.
    pub async fn model_used_by(&mut self, workspace: &Uuid, key: &ModelId) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT endpoints.name AS name FROM endpoint_models
             JOIN endpoints ON endpoints.id = endpoint_models.endpoint
             WHERE endpoint_models.workspace = ? AND endpoint_models.name = ?
                 AND endpoint_models.version = ?
             ORDER BY endpoints.name LIMIT 20",
        )
        .bind(id(workspace))
        .bind(key.name.as_str())
        .bind(row::size(key.version))
        .fetch_all(self.db())
        .await?;
        rows.iter().map(|row| row.text("name")).collect()
    }
}

impl Txn {
    /// Registers the next version of `name`.
    pub async fn model_insert(
        &mut self,
        workspace: &Uuid,
        name: &ModelName,
        spec: &ModelSpec,
        created_by: &str,
        now: Timestamp,
    ) -> Result<Model> {
        let row = sqlx::query(
            "INSERT INTO model_versions (workspace, name, newest) VALUES (?, ?, 1)
             ON CONFLICT (workspace, name) DO UPDATE SET newest = newest + 1
             RETURNING newest",
        )
        .bind(id(workspace))
        .bind(name.as_str())
        .fetch_one(self.db())
        .await?;
        let model = Model {
            uuid: Uuid::new_v4(),
            workspace: *workspace,
            id: ModelId {
                name: name.clone(),
                version: row.number("newest")?,
            },
            spec: spec.clone(),
            created_by: created_by.to_owned(),
            created_at: now,
            modified_at: now,
        };
        sqlx::query(
            "INSERT INTO models (id, workspace, name, version, spec, created_by, created_at,
                 modified_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id(&model.uuid))
        .bind(id(workspace))
        .bind(name.as_str())
        .bind(row::size(model.id.version))
        .bind(json(spec)?)
        .bind(created_by)
        .bind(now.as_microsecond())
        .bind(now.as_microsecond())
        .execute(self.db())
        .await?;
        Ok(model)
    }

    /// Writes what is said of a model.
    pub async fn model_update(
        &mut self,
        uuid: &Uuid,
        spec: &ModelSpec,
        now: Timestamp,
    ) -> Result<bool> {
        let done = sqlx::query("UPDATE models SET spec = ?, modified_at = ? WHERE id = ?")
            .bind(json(spec)?)
            .bind(now.as_microsecond())
            .bind(id(uuid))
            .execute(self.db())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets a model version; its number is never given out again. Files that were
    /// uploaded for it alone are forgotten too.
    pub async fn model_delete(&mut self, uuid: &Uuid) -> Result<bool> {
        let row = sqlx::query("DELETE FROM models WHERE id = ? RETURNING *")
            .bind(id(uuid))
            .fetch_optional(self.db())
            .await?;
        let Some(row) = row else { return Ok(false) };
        let model = model(&row)?;
        if !self
            .asset_is_used(&model.workspace, &model.spec.asset)
            .await?
        {
            self.asset_forget(&model.workspace, &model.spec.asset)
                .await?;
        }
        Ok(true)
    }

    async fn asset_is_used(&mut self, workspace: &Uuid, asset: &Uuid) -> Result<bool> {
        let row = sqlx::query(
            "SELECT 1 FROM models WHERE workspace = ? AND json_extract(spec, '$.asset') = ?
             LIMIT 1",
        )
        .bind(id(workspace))
        .bind(asset.to_string())
        .fetch_optional(self.db())
        .await?;
        Ok(row.is_some())
    }
}
