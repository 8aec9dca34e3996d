//! Artifacts and assets.

use jiff::Timestamp;
use sqlx::{Row as _, sqlite::SqliteRow};
use uuid::Uuid;
use wharf_core::model::{Artifact, ArtifactPath, Asset, AssetArtifact, Content};

use crate::{
    Session, StoreError, Txn,
    row::{Columns as _, id, json},
};

/// Where the SDK puts files that it uploads to register them.
const UPLOADED: &str = "LocalUpload/";

type Result<T> = std::result::Result<T, StoreError>;

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

    /// Says what an artifact's bytes are, and forgets its blocks: the answer is their
    /// files, which nothing names any more. With `only_if_absent` an artifact that has
    /// bytes is left alone, and the answer is `None`.
    pub async fn artifact_set_content(
        &mut self,
        key: &Uuid,
        content: &Content,
        only_if_absent: bool,
    ) -> Result<Option<Vec<Uuid>>> {
        let done = sqlx::query(
            "UPDATE artifacts SET content = ? WHERE id = ? AND (content IS NULL OR ? = 0)",
        )
        .bind(json(content)?)
        .bind(id(key))
        .bind(only_if_absent)
        .execute(self.db())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        self.blocks_forget(key).await.map(Some)
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

    /// Forgets an asset, and its artifacts as far as they were uploaded for one and
    /// no other asset is made of them.
    pub(crate) async fn asset_forget(&mut self, workspace: &Uuid, key: &Uuid) -> Result<()> {
        let Some(asset) = self.asset_get(workspace, key).await? else {
            return Ok(());
        };
        sqlx::query("DELETE FROM assets WHERE id = ?")
            .bind(id(key))
            .execute(self.db())
            .await?;
        for entry in &asset.artifacts {
            let (AssetArtifact::Prefix(path) | AssetArtifact::Path(path)) = entry;
            let path = path.trim_end_matches('/');
            // Those of other origins are not the asset's own.
            if !path.starts_with(UPLOADED) || self.asset_overlaps(workspace, path).await? {
                continue;
            }
            sqlx::query(
                "DELETE FROM artifacts WHERE workspace = ? AND (path = ? OR path > ? AND path < ?)",
            )
            .bind(id(workspace))
            .bind(path)
            .bind(format!("{path}/"))
            .bind(format!("{path}0"))
            .execute(self.db())
            .await?;
        }
        Ok(())
    }

    /// Whether an asset has artifacts at, below or above `path`.
    async fn asset_overlaps(&mut self, workspace: &Uuid, path: &str) -> Result<bool> {
        // `a/` and `a/b/` are above `a/b/c`.
        let above = path.match_indices('/').map(|(at, _)| &path[..=at]);
        let above: Vec<_> = above.collect();
        let row = sqlx::query(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM asset_places
                     WHERE workspace = ?1 AND place >= ?2 AND place < ?3)
                 OR EXISTS (SELECT 1 FROM asset_places
                     WHERE workspace = ?1 AND place IN (SELECT value FROM json_each(?4)))",
        )
        .bind(id(workspace))
        .bind(format!("{path}/"))
        .bind(format!("{path}0"))
        .bind(json(&above)?)
        .fetch_optional(self.db())
        .await?;
        Ok(row.is_some())
    }
}
