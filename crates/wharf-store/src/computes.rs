//! Computes.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf_core::{
    compute::{Compute, ComputeKind, ComputeSpec},
    resource::{Generation, Observed},
};

use crate::{
    Session, StoreError, Txn,
    row::{self, Columns as _, id, json},
};

type Result<T> = std::result::Result<T, StoreError>;

pub(crate) fn compute(row: &SqliteRow) -> Result<Compute> {
    Ok(Compute {
        id: row.uuid("id")?,
        workspace: row.uuid("workspace")?,
        name: row.parsed("name")?,
        spec: row.json("spec")?,
        generation: row.generation("generation")?,
        observed: row.json("observed")?,
        created_at: row.time("created_at")?,
        modified_at: row.time("modified_at")?,
    })
}

impl Session {
    /// One compute; the name compares without case.
    pub async fn compute_get(&mut self, workspace: &Uuid, name: &str) -> Result<Option<Compute>> {
        let row = sqlx::query("SELECT * FROM computes WHERE workspace = ? AND name_key = ?")
            .bind(id(workspace))
            .bind(name.to_ascii_lowercase())
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(compute).transpose()
    }

    /// One compute by its id.
    pub async fn compute_by_id(&mut self, key: &Uuid) -> Result<Option<Compute>> {
        let row = sqlx::query("SELECT * FROM computes WHERE id = ?")
            .bind(id(key))
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(compute).transpose()
    }

    /// The compute that a cluster is attached as.
    pub async fn compute_by_cluster(&mut self, cluster: &Uuid) -> Result<Option<Compute>> {
        let row = sqlx::query("SELECT * FROM computes WHERE cluster = ?")
            .bind(id(cluster))
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(compute).transpose()
    }

    /// At most `limit` computes of one type after the name `after`.
    pub async fn compute_list_of(
        &mut self,
        workspace: &Uuid,
        kind: ComputeKind,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Compute>> {
        let rows = sqlx::query(
            "SELECT * FROM computes WHERE workspace = ? AND kind = ? AND name_key > ?
             ORDER BY name_key LIMIT ?",
        )
        .bind(id(workspace))
        .bind(kind.as_str())
        .bind(after.unwrap_or("").to_ascii_lowercase())
        .bind(limit)
        .fetch_all(self.db())
        .await?;
        rows.iter().map(compute).collect()
    }

    /// At most `limit` computes of a workspace after the name `after`.
    pub async fn compute_list(
        &mut self,
        workspace: &Uuid,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Compute>> {
        let rows = sqlx::query(
            "SELECT * FROM computes WHERE workspace = ? AND name_key > ?
             ORDER BY name_key LIMIT ?",
        )
        .bind(id(workspace))
        .bind(after.unwrap_or("").to_ascii_lowercase())
        .bind(limit)
        .fetch_all(self.db())
        .await?;
        rows.iter().map(compute).collect()
    }

    /// Computes whose newest generation has no end yet.
    pub async fn compute_unsettled(&mut self) -> Result<Vec<Uuid>> {
        let rows = sqlx::query("SELECT id FROM computes WHERE is_settled = 0 ORDER BY id")
            .fetch_all(self.db())
            .await?;
        rows.iter().map(|row| row.uuid("id")).collect()
    }
}

impl Txn {
    /// A new compute.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when its name or its cluster is taken.
    pub async fn compute_insert(&mut self, compute: &Compute) -> Result<()> {
        sqlx::query(
            "INSERT INTO computes (id, workspace, name_key, name, cluster, kind, spec,
                 generation, observed, is_settled, created_at, modified_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id(&compute.id))
        .bind(id(&compute.workspace))
        .bind(compute.name.key())
        .bind(compute.name.as_str())
        .bind(id(&compute.spec.cluster))
        .bind(compute.spec.kind().as_str())
        .bind(json(&compute.spec)?)
        .bind(row::generation(compute.generation))
        .bind(json(&compute.observed)?)
        .bind(compute.observed.has_ended(compute.generation))
        .bind(compute.created_at.as_microsecond())
        .bind(compute.modified_at.as_microsecond())
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Writes a new spec at `generation`, if the row is still at the one before.
    pub async fn compute_update_spec(
        &mut self,
        key: &Uuid,
        generation: Generation,
        spec: &ComputeSpec,
        now: Timestamp,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE computes SET spec = ?, generation = ?, is_settled = 0, modified_at = ?
             WHERE id = ? AND generation = ? - 1",
        )
        .bind(json(spec)?)
        .bind(row::generation(generation))
        .bind(now.as_microsecond())
        .bind(id(key))
        .bind(row::generation(generation))
        .execute(self.db())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Writes what was seen and ends the operations that it ends, if the row is
    /// still at `generation`.
    pub async fn compute_write_observed(
        &mut self,
        key: &Uuid,
        generation: Generation,
        observed: &Observed,
        now: Timestamp,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE computes SET observed = ?, is_settled = ? WHERE id = ? AND generation = ?",
        )
        .bind(json(observed)?)
        .bind(observed.has_ended(generation))
        .bind(id(key))
        .bind(row::generation(generation))
        .execute(self.db())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.operation_settle(key, observed, now).await?;
        Ok(true)
    }

    /// Forgets a compute.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] while an endpoint runs on it.
    pub async fn compute_delete(&mut self, key: &Uuid) -> Result<bool> {
        let done = sqlx::query("DELETE FROM computes WHERE id = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        Ok(done.rows_affected() == 1)
    }
}
