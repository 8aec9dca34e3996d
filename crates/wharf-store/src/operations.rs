//! Operations. A trigger keeps one that has ended as it is.

use jiff::Timestamp;
use sqlx::{Row as _, sqlite::SqliteRow};
use uuid::Uuid;
use wharf_core::{
    operation::{Operation, OperationId, TargetKind, Verb, derive},
    resource::{Generation, Observed},
};

use crate::{
    Session, StoreError, Txn,
    row::{self, Columns as _, id, json},
};

type Result<T> = std::result::Result<T, StoreError>;

pub(crate) fn operation(row: &SqliteRow) -> Result<Operation> {
    let word = |column: &'static str, word: String| {
        StoreError::Unreadable(format!("{column}: unknown word {word}"))
    };
    let verb = row.text("verb")?;
    let kind = row.text("target_kind")?;
    Ok(Operation {
        id: OperationId(row.uuid("id")?),
        workspace: row
            .try_get::<Option<Vec<u8>>, _>("workspace")?
            .and_then(|bytes| Uuid::from_slice(&bytes).ok()),
        verb: [Verb::Create, Verb::Update, Verb::Delete]
            .into_iter()
            .find(|known| known.as_str() == verb)
            .ok_or_else(|| word("verb", verb))?,
        target_kind: [
            TargetKind::Compute,
            TargetKind::ManagedCluster,
            TargetKind::Endpoint,
            TargetKind::TemplateDeployment,
        ]
        .into_iter()
        .find(|known| known.as_str() == kind)
        .ok_or_else(|| word("target_kind", kind))?,
        target: row.uuid("target")?,
        target_name: row.text("target_name")?,
        generation: row.generation("generation")?,
        state: row.json("state")?,
        step: row.try_get("step")?,
        created_at: row.time("created_at")?,
        ended_at: row
            .try_get::<Option<i64>, _>("ended_at")?
            .map(row::time)
            .transpose()?,
    })
}

impl Session {
    /// One operation.
    pub async fn operation_get(&mut self, key: OperationId) -> Result<Option<Operation>> {
        let row = sqlx::query("SELECT * FROM operations WHERE id = ?")
            .bind(id(&key.0))
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(operation).transpose()
    }

    /// The open operations of a resource, oldest first.
    pub async fn operation_open(&mut self, target: &Uuid) -> Result<Vec<Operation>> {
        let rows = sqlx::query(
            "SELECT * FROM operations WHERE target = ? AND is_open = 1 ORDER BY generation",
        )
        .bind(id(target))
        .fetch_all(self.db())
        .await?;
        rows.iter().map(operation).collect()
    }

    /// The operation that aims at a generation of a resource.
    pub async fn operation_at(
        &mut self,
        target: &Uuid,
        generation: Generation,
    ) -> Result<Option<OperationId>> {
        let row = sqlx::query(
            "SELECT id FROM operations WHERE target = ? AND generation = ?
             ORDER BY created_at DESC LIMIT 1",
        )
        .bind(id(target))
        .bind(row::generation(generation))
        .fetch_optional(self.db())
        .await?;
        row.map(|row| row.uuid("id").map(OperationId)).transpose()
    }

    /// How many operations are open, in all workspaces.
    pub async fn operation_open_count(&mut self) -> Result<u64> {
        let row = sqlx::query("SELECT count(*) AS n FROM operations WHERE is_open = 1")
            .fetch_one(self.db())
            .await?;
        row.number("n")
    }
}

impl Txn {
    /// A new operation; born ended when its state is.
    pub async fn operation_insert(&mut self, operation: &Operation) -> Result<()> {
        sqlx::query(
            "INSERT INTO operations (id, workspace, verb, target_kind, target, target_name,
                 generation, is_open, state, step, created_at, ended_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id(&operation.id.0))
        .bind(operation.workspace.as_ref().map(id))
        .bind(operation.verb.as_str())
        .bind(operation.target_kind.as_str())
        .bind(id(&operation.target))
        .bind(&operation.target_name)
        .bind(row::generation(operation.generation))
        .bind(operation.state.is_open())
        .bind(json(&operation.state)?)
        .bind(&operation.step)
        .bind(operation.created_at.as_microsecond())
        .bind(operation.ended_at.map(Timestamp::as_microsecond))
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Says what is being done now, on every open operation of a resource.
    pub async fn operation_step(&mut self, target: &Uuid, step: &str) -> Result<()> {
        sqlx::query("UPDATE operations SET step = ? WHERE target = ? AND is_open = 1")
            .bind(step)
            .bind(id(target))
            .execute(self.db())
            .await?;
        Ok(())
    }

    /// Freezes every open operation of a resource that `observed` ends. To be called
    /// in the transaction that writes `observed`.
    pub async fn operation_settle(
        &mut self,
        target: &Uuid,
        observed: &Observed,
        now: Timestamp,
    ) -> Result<()> {
        for operation in self.operation_open(target).await? {
            let state = derive(operation.generation, observed);
            if state.is_open() {
                continue;
            }
            sqlx::query(
                "UPDATE operations SET state = ?, is_open = 0, ended_at = ?
                 WHERE id = ? AND is_open = 1",
            )
            .bind(json(&state)?)
            .bind(now.as_microsecond())
            .bind(id(&operation.id.0))
            .execute(self.db())
            .await?;
        }
        Ok(())
    }
}
