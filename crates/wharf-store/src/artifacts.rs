//! Artifacts, their unfinished blocks, and assets.

use jiff::Timestamp;
use sqlx::{Row as _, sqlite::SqliteRow};
use uuid::Uuid;
use wharf_core::{
    digest::Digest,
    model::{Artifact, ArtifactPath, Asset, Content},
};

use crate::{
    Session, StoreError, Txn,
    row::{self, Columns as _, id, json},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A block of a blob that is not whole yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The client's name for it, base64.
    pub id: String,
    /// Its bytes.
    pub digest: Digest,
    /// How many.
    pub size: u64,
}

fn artifact(row: &SqliteRow) -> Result<Artifact> {
    let content = row.try_get::<Option<&str>, _>("content")?;
    Ok(Artifact {
        id: row.uuid("id")?,
        path: row.parsed("path")?,
        content: match content {
            None => None,
            Some(_) => Some(row.json("content")?),
        },
        created_at: row.time("created_at")?,
    })
}

impl Session {
    /// One artifact, uploaded or only announced.
    pub async fn artifact_get(
        &mut self,
        workspace: &Uuid,
        path: &ArtifactPath,
    ) -> Result<Option<Artifact>> {
        let row = sqlx::query("SELECT * FROM artifacts WHERE workspace = ? AND path = ?")
            .bind(id(workspace))
            .bind(path.to_string())
            .fetch_optional(self.db())
            .await?;
        row.as_ref().map(artifact).transpose()
    }

    /// At most `limit` uploaded artifacts whose path is `prefix` or begins with
    /// `prefix` and a `/`, after the path `after`.
    pub async fn artifact_list(
        &mut self,
        workspace: &Uuid,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Artifact>> {
        // `0` follows `/`, so that `p/` ..< `p0` is everything below `p`. One index
        // range for the path itself, one for what is below.
        let rows = sqlx::query(
            "SELECT * FROM (
                 SELECT * FROM artifacts WHERE workspace = ?1 AND path = ?2
                 UNION ALL
                 SELECT * FROM artifacts WHERE workspace = ?1 AND path > ?3 AND path < ?4
             ) WHERE content IS NOT NULL AND path > ?5 ORDER BY path LIMIT ?6",
        )
        .bind(id(workspace))
        .bind(prefix)
        .bind(format!("{prefix}/"))
        .bind(format!("{prefix}0"))
        .bind(after.unwrap_or(""))
        .bind(limit)
        .fetch_all(self.db())
        .await?;
        rows.iter().map(artifact).collect()
    }

    /// The uploaded blocks of an artifact.
    pub async fn block_list(&mut self, artifact: &Uuid) -> Result<Vec<Block>> {
        let rows = sqlx::query("SELECT * FROM blocks WHERE artifact = ? ORDER BY block")
            .bind(id(artifact))
            .fetch_all(self.db())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Block {
                    id: row.text("block")?,
                    digest: row.parsed("digest")?,
                    size: row.number("size")?,
                })
            })
            .collect()
    }

    /// How many blocks of an artifact wait for their list, and how many bytes they
    /// have, but for the block `other_than`.
    pub async fn block_total(&mut self, artifact: &Uuid, other_than: &str) -> Result<(u64, u64)> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS count, COALESCE(SUM(size), 0) AS bytes FROM blocks
             WHERE artifact = ? AND block <> ?",
        )
        .bind(id(artifact))
        .bind(other_than)
        .fetch_one(self.db())
        .await?;
        Ok((row.number("count")?, row.number("bytes")?))
    }

    /// One asset.
    pub async fn asset_get(&mut self, workspace: &Uuid, key: &Uuid) -> Result<Option<Asset>> {
        let row = sqlx::query("SELECT * FROM assets WHERE id = ? AND workspace = ?")
            .bind(id(key))
            .bind(id(workspace))
            .fetch_optional(self.db())
            .await?;
        row.map(|row| {
            Ok(Asset {
                id: row.uuid("id")?,
                name: row.text("name")?,
                artifacts: row.json("artifacts")?,
                created_at: row.time("created_at")?,
            })
        })
        .transpose()
    }
}

impl Txn {
    /// Announces an artifact; one that is there is left as it is.
    pub async fn artifact_reserve(
        &mut self,
        workspace: &Uuid,
        path: &ArtifactPath,
        now: Timestamp,
    ) -> Result<Artifact> {
        if let Some(known) = self.artifact_get(workspace, path).await? {
            return Ok(known);
        }
        let artifact = Artifact {
            id: Uuid::new_v4(),
            path: path.clone(),
            content: None,
            created_at: now,
        };
        sqlx::query("INSERT INTO artifacts (id, workspace, path, created_at) VALUES (?, ?, ?, ?)")
            .bind(id(&artifact.id))
            .bind(id(workspace))
            .bind(path.to_string())
            .bind(now.as_microsecond())
            .execute(self.db())
            .await?;
        Ok(artifact)
    }

    /// Says what an artifact's bytes are, and forgets its blocks. With
    /// `only_if_absent` an artifact that has bytes is left alone, and the answer is
    /// false.
    pub async fn artifact_set_content(
        &mut self,
        key: &Uuid,
        content: &Content,
        only_if_absent: bool,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE artifacts SET content = ? WHERE id = ? AND (content IS NULL OR ? = 0)",
        )
        .bind(json(content)?)
        .bind(id(key))
        .bind(only_if_absent)
        .execute(self.db())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM blocks WHERE artifact = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        Ok(true)
    }

    /// Keeps a block; one of the same id is replaced.
    pub async fn block_put(&mut self, artifact: &Uuid, block: &Block) -> Result<()> {
        sqlx::query(
            "INSERT INTO blocks (artifact, block, digest, size) VALUES (?, ?, ?, ?)
             ON CONFLICT (artifact, block) DO UPDATE SET digest = excluded.digest,
                 size = excluded.size",
        )
        .bind(id(artifact))
        .bind(&block.id)
        .bind(block.digest.to_string())
        .bind(row::size(block.size))
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// A new asset.
    pub async fn asset_insert(&mut self, workspace: &Uuid, asset: &Asset) -> Result<()> {
        sqlx::query(
            "INSERT INTO assets (id, workspace, name, artifacts, created_at)
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(id(&asset.id))
        .bind(id(workspace))
        .bind(&asset.name)
        .bind(json(&asset.artifacts)?)
        .bind(asset.created_at.as_microsecond())
        .execute(self.db())
        .await?;
        Ok(())
    }
}
