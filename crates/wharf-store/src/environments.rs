//! Registered environments and their labels.

use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wharf_core::environment::RegisteredEnvironment;

use crate::{
    Session, StoreError, Txn,
    row::{Columns as _, id, json},
};

type Result<T> = std::result::Result<T, StoreError>;

fn environment(row: &SqliteRow) -> Result<RegisteredEnvironment> {
    Ok(RegisteredEnvironment {
        id: row.uuid("id")?,
        workspace: row.uuid("workspace")?,
        name: row.parsed("name")?,
        version: row.text("version")?,
        document: row.json("document")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
    })
}

impl Session {
    /// One version of an environment.
    pub async fn environment_get(
        &mut self,
        workspace: &Uuid,
        name: &str,
        version: &str,
    ) -> Result<Option<RegisteredEnvironment>> {
        let row = sqlx::query(
            "SELECT * FROM environments WHERE workspace = ? AND name = ? AND version = ?",
        )
        .bind(id(workspace))
        .bind(name)
        .bind(version)
        .fetch_optional(self.db())
        .await?;
        row.as_ref().map(environment).transpose()
    }

    /// The version that was registered last.
    pub async fn environment_latest(
        &mut self,
        workspace: &Uuid,
        name: &str,
    ) -> Result<Option<RegisteredEnvironment>> {
        let row = sqlx::query(
            "SELECT * FROM environments WHERE workspace = ? AND name = ?
             ORDER BY ordinal DESC LIMIT 1",
        )
        .bind(id(workspace))
        .bind(name)
        .fetch_optional(self.db())
        .await?;
        row.as_ref().map(environment).transpose()
    }

    /// The version that a label is at.
    pub async fn environment_by_label(
        &mut self,
        workspace: &Uuid,
        name: &str,
        label: &str,
    ) -> Result<Option<RegisteredEnvironment>> {
        let row = sqlx::query(
            "SELECT environments.* FROM environment_labels AS label
             JOIN environments ON environments.workspace = label.workspace
                 AND environments.name = label.name AND environments.version = label.version
             WHERE label.workspace = ? AND label.name = ? AND label.label = ?",
        )
        .bind(id(workspace))
        .bind(name)
        .bind(label)
        .fetch_optional(self.db())
        .await?;
        row.as_ref().map(environment).transpose()
    }

    /// The latest version of each name after `after`, by name, at most `limit`. Goes
    /// from name to name by the index, however many versions a name has.
    pub async fn environment_list(
        &mut self,
        workspace: &Uuid,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RegisteredEnvironment>> {
        let rows = sqlx::query(
            "WITH RECURSIVE names (name) AS (
                 SELECT MIN(name) FROM environments WHERE workspace = ?1 AND name > ?2
                 UNION ALL
                 SELECT (SELECT MIN(name) FROM environments
                         WHERE workspace = ?1 AND name > names.name)
                 FROM names WHERE names.name IS NOT NULL LIMIT ?3
             )
             SELECT environments.* FROM names CROSS JOIN environments
             WHERE environments.workspace = ?1 AND environments.name = names.name
                 AND environments.ordinal = (SELECT MAX(ordinal) FROM environments
                     WHERE workspace = ?1 AND name = names.name)
             ORDER BY names.name",
        )
        .bind(id(workspace))
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(self.db())
        .await?;
        rows.iter().map(environment).collect()
    }

    /// The number that the next version of a name gets.
    pub async fn environment_next_number(&mut self, workspace: &Uuid, name: &str) -> Result<u64> {
        let row = sqlx::query(
            "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM environments
             WHERE workspace = ? AND name = ?",
        )
        .bind(id(workspace))
        .bind(name)
        .fetch_one(self.db())
        .await?;
        row.number("next")
    }
}

impl Txn {
    /// Keeps a version that is not there yet; it is the latest from now on.
    pub async fn environment_insert(&mut self, environment: &RegisteredEnvironment) -> Result<()> {
        let number: Option<i64> = environment.version.parse().ok();
        sqlx::query(
            "INSERT INTO environments (id, workspace, name, version, number, ordinal, document,
                 created_by, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM environments
                 WHERE workspace = ?2 AND name = ?3), ?6, ?7, ?8)",
        )
        .bind(id(&environment.id))
        .bind(id(&environment.workspace))
        .bind(environment.name.as_str())
        .bind(&environment.version)
        .bind(number)
        .bind(json(&environment.document)?)
        .bind(&environment.created_by)
        .bind(environment.created_at.as_microsecond())
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// Puts a label at a version, wherever it was.
    pub async fn environment_label_put(
        &mut self,
        environment: &RegisteredEnvironment,
        label: &str,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO environment_labels (workspace, name, label, version)
             VALUES (?, ?, ?, ?)
             ON CONFLICT (workspace, name, label) DO UPDATE SET version = excluded.version",
        )
        .bind(id(&environment.workspace))
        .bind(environment.name.as_str())
        .bind(label)
        .bind(&environment.version)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// How many labels a name has.
    pub async fn environment_label_count(&mut self, workspace: &Uuid, name: &str) -> Result<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS count FROM environment_labels WHERE workspace = ? AND name = ?",
        )
        .bind(id(workspace))
        .bind(name)
        .fetch_one(self.db())
        .await?;
        row.number("count")
    }
}
