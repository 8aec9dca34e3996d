//! Endpoints and their keys.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf_core::{
    Secret,
    endpoint::{Endpoint, EndpointSpec, EndpointStatus},
    keys::EndpointKeys,
    resource::{Generation, Observed},
};

use crate::{
    Session, StoreError, Txn,
    row::{self, Columns as _, id, json},
};

type Result<T> = std::result::Result<T, StoreError>;

/// The two keys as they are sealed.
#[derive(Serialize, Deserialize)]
struct SealedKeys {
    primary: String,
    secondary: String,
}

fn place(key: &Uuid) -> String {
    format!("endpoints/keys/{key}")
}

pub(crate) fn endpoint(row: &SqliteRow) -> Result<Endpoint> {
    Ok(Endpoint {
        id: row.uuid("id")?,
        workspace: row.uuid("workspace")?,
        name: row.parsed("name")?,
        spec: row.json("spec")?,
        generation: row.generation("generation")?,
        status: row.json("status")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        modified_at: row.time("modified_at")?,
    })
}

impl Session {
    /// One endpoint.
    pub async fn endpoint_get(&mut self, workspace: &Uuid, name: &str) -> Result<Option<Endpoint>> {
        let row = sqlx::query("SELECT * FROM endpoints WHERE workspace = ? AND name = ?")
            .bind(id(workspace))
            .bind(name)
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(endpoint).transpose()
    }

    /// One endpoint by its id.
    pub async fn endpoint_by_id(&mut self, key: &Uuid) -> Result<Option<Endpoint>> {
        let row = sqlx::query("SELECT * FROM endpoints WHERE id = ?")
            .bind(id(key))
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(endpoint).transpose()
    }

    /// At most `limit` endpoints of a workspace after the name `after`.
    pub async fn endpoint_list(
        &mut self,
        workspace: &Uuid,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Endpoint>> {
        let rows = sqlx::query(
            "SELECT * FROM endpoints WHERE workspace = ? AND name > ? ORDER BY name LIMIT ?",
        )
        .bind(id(workspace))
        .bind(after.unwrap_or(""))
        .bind(limit)
        .fetch_all(self.db())
        .await?;
        rows.iter().map(endpoint).collect()
    }

    /// Ids of all endpoints: what the route table is made from.
    pub async fn endpoint_ids(&mut self) -> Result<Vec<Uuid>> {
        let rows = sqlx::query("SELECT id FROM endpoints ORDER BY id")
            .fetch_all(self.db())
            .await?;
        rows.iter().map(|row| row.uuid("id")).collect()
    }

    /// Endpoints whose newest generation has no end yet.
    pub async fn endpoint_unsettled(&mut self) -> Result<Vec<Uuid>> {
        let rows = sqlx::query("SELECT id FROM endpoints WHERE is_settled = 0 ORDER BY id")
            .fetch_all(self.db())
            .await?;
        rows.iter().map(|row| row.uuid("id")).collect()
    }

    /// Names of the endpoints on a compute, at most 20.
    pub async fn endpoint_names_on(&mut self, compute: &Uuid) -> Result<Vec<String>> {
        let rows =
            sqlx::query("SELECT name FROM endpoints WHERE compute = ? ORDER BY name LIMIT 20")
                .bind(id(compute))
                .fetch_all(self.db())
                .await?;
        rows.iter().map(|row| row.text("name")).collect()
    }

    /// Ids of the endpoints on a compute.
    pub async fn endpoint_ids_on(&mut self, compute: &Uuid) -> Result<Vec<Uuid>> {
        let rows = sqlx::query("SELECT id FROM endpoints WHERE compute = ?")
            .bind(id(compute))
            .fetch_all(self.db())
            .await?;
        rows.iter().map(|row| row.uuid("id")).collect()
    }

    /// The generation of an endpoint's newest spec; `None` when it is gone.
    pub async fn endpoint_generation(&mut self, key: &Uuid) -> Result<Option<Generation>> {
        let row = sqlx::query("SELECT generation FROM endpoints WHERE id = ?")
            .bind(id(key))
            .fetch_optional(self.db())
            .await?;
        row.map(|row| row.generation("generation")).transpose()
    }

    /// An endpoint's keys.
    pub async fn endpoint_keys(&mut self, key: &Uuid) -> Result<Option<EndpointKeys>> {
        let row = sqlx::query("SELECT keys FROM endpoints WHERE id = ?")
            .bind(id(key))
            .fetch_optional(self.db())
            .await?;
        row.map(|row| {
            let opened = self.seal.open(&place(key), &row.bytes("keys")?)?;
            let keys: SealedKeys = serde_json::from_str(opened.reveal())
                .map_err(|_| StoreError::Unreadable(place(key)))?;
            Ok(EndpointKeys {
                primary: Secret::new(keys.primary),
                secondary: Secret::new(keys.secondary),
            })
        })
        .transpose()
    }
}

impl Txn {
    fn sealed(&self, key: &Uuid, keys: &EndpointKeys) -> Result<Vec<u8>> {
        let text = Secret::new(json(&SealedKeys {
            primary: keys.primary.reveal().to_owned(),
            secondary: keys.secondary.reveal().to_owned(),
        })?);
        self.seal.seal(&place(key), &text)
    }

    async fn endpoint_models_write(
        &mut self,
        key: &Uuid,
        workspace: &Uuid,
        spec: &EndpointSpec,
    ) -> Result<()> {
        sqlx::query("DELETE FROM endpoint_models WHERE endpoint = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        for model in spec.deployments.iter().flat_map(|it| &it.template.models) {
            sqlx::query(
                "INSERT INTO endpoint_models (endpoint, workspace, name, version)
                 VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(id(key))
            .bind(id(workspace))
            .bind(model.id.name.as_str())
            .bind(row::size(model.id.version))
            .execute(self.db())
            .await?;
        }
        Ok(())
    }

    /// A new endpoint with its keys.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when the name is taken or the compute is gone.
    pub async fn endpoint_insert(
        &mut self,
        endpoint: &Endpoint,
        keys: &EndpointKeys,
    ) -> Result<()> {
        let sealed = self.sealed(&endpoint.id, keys)?;
        sqlx::query(
            "INSERT INTO endpoints (id, workspace, name, compute, spec, generation, status,
                 is_settled, keys, created_by, created_at, modified_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id(&endpoint.id))
        .bind(id(&endpoint.workspace))
        .bind(endpoint.name.as_str())
        .bind(id(&endpoint.spec.compute))
        .bind(json(&endpoint.spec)?)
        .bind(row::generation(endpoint.generation))
        .bind(json(&endpoint.status)?)
        .bind(endpoint.status.observed.has_ended(endpoint.generation))
        .bind(sealed)
        .bind(&endpoint.created_by)
        .bind(endpoint.created_at.as_microsecond())
        .bind(endpoint.modified_at.as_microsecond())
        .execute(self.db())
        .await?;
        self.endpoint_models_write(&endpoint.id, &endpoint.workspace, &endpoint.spec)
            .await?;
        let name = endpoint.name.as_str();
        self.endpoint_terms_write(&endpoint.id, &endpoint.workspace, name, &endpoint.spec)
            .await?;
        self.endpoint_blobs_add(&endpoint.id, endpoint.generation, &endpoint.spec)
            .await
    }

    /// Writes a new spec at `generation`, if the row is still at the one before.
    pub async fn endpoint_update_spec(
        &mut self,
        endpoint: &Endpoint,
        generation: Generation,
        spec: &EndpointSpec,
        now: Timestamp,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE endpoints SET spec = ?, compute = ?, generation = ?, is_settled = 0,
                 modified_at = ?
             WHERE id = ? AND generation = ? - 1",
        )
        .bind(json(spec)?)
        .bind(id(&spec.compute))
        .bind(row::generation(generation))
        .bind(now.as_microsecond())
        .bind(id(&endpoint.id))
        .bind(row::generation(generation))
        .execute(self.db())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.endpoint_models_write(&endpoint.id, &endpoint.workspace, spec)
            .await?;
        let name = endpoint.name.as_str();
        self.endpoint_terms_write(&endpoint.id, &endpoint.workspace, name, spec)
            .await?;
        self.endpoint_blobs_add(&endpoint.id, generation, spec)
            .await?;
        Ok(true)
    }

    /// Writes what was seen and ends the operations that it ends, if the row is
    /// still at `generation`.
    pub async fn endpoint_write_status(
        &mut self,
        key: &Uuid,
        generation: Generation,
        status: &EndpointStatus,
        now: Timestamp,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE endpoints SET status = ?, is_settled = ? WHERE id = ? AND generation = ?",
        )
        .bind(json(status)?)
        .bind(status.observed.has_ended(generation))
        .bind(id(key))
        .bind(row::generation(generation))
        .execute(self.db())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        // A deployment that failed before may serve what an older spec names.
        if let (Observed::Reached(reached), true) = (&status.observed, status.is_whole()) {
            self.endpoint_blobs_settle(key, *reached).await?;
        }
        self.operation_settle(key, &status.observed, now).await?;
        Ok(true)
    }

    /// Replaces an endpoint's keys.
    pub async fn endpoint_keys_put(&mut self, key: &Uuid, keys: &EndpointKeys) -> Result<bool> {
        let sealed = self.sealed(key, keys)?;
        let done = sqlx::query("UPDATE endpoints SET keys = ? WHERE id = ?")
            .bind(sealed)
            .bind(id(key))
            .execute(self.db())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets an endpoint.
    pub async fn endpoint_delete(&mut self, key: &Uuid) -> Result<bool> {
        let done = sqlx::query("DELETE FROM endpoints WHERE id = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        Ok(done.rows_affected() == 1)
    }
}
