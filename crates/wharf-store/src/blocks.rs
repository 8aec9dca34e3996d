//! Blocks of blobs that are not whole yet. The bytes of a block are a file of its
//! own, named by exactly one row, so that forgetting the row frees the file.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    Session, StoreError, Txn,
    row::{self, Columns as _, id},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A block of a blob that is not whole yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The client's name for it, base64.
    pub id: String,
    /// The file with its bytes.
    pub file: Uuid,
    /// How many.
    pub size: u64,
}

/// What waits for the list of one artifact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockTotal {
    /// Blocks.
    pub count: u64,
    /// Bytes of all.
    pub bytes: u64,
}

impl Session {
    /// The uploaded blocks of an artifact, sorted by their id.
    pub async fn block_list(&mut self, artifact: &Uuid) -> Result<Vec<Block>> {
        let rows = sqlx::query("SELECT * FROM blocks WHERE artifact = ? ORDER BY block")
            .bind(id(artifact))
            .fetch_all(self.db())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Block {
                    id: row.text("block")?,
                    file: row.uuid("file")?,
                    size: row.number("size")?,
                })
            })
            .collect()
    }

    /// What there would be after one more block `block` of `size` bytes, which
    /// replaces one of the same id.
    pub async fn block_total_with(
        &mut self,
        artifact: &Uuid,
        block: &str,
        size: u64,
    ) -> Result<BlockTotal> {
        let row = sqlx::query(
            "SELECT block_count, block_bytes, COALESCE(blocks.size, 0) AS replaced_bytes,
                 blocks.size IS NOT NULL AS replaced_count
             FROM artifacts LEFT JOIN blocks
                 ON blocks.artifact = artifacts.id AND blocks.block = ?2
             WHERE artifacts.id = ?1",
        )
        .bind(id(artifact))
        .bind(block)
        .fetch_one(self.db())
        .await?;
        let kept = |all: &str, replaced: &str| -> Result<u64> {
            Ok(row.number(all)?.saturating_sub(row.number(replaced)?))
        };
        Ok(BlockTotal {
            count: kept("block_count", "replaced_count")?.saturating_add(1),
            bytes: kept("block_bytes", "replaced_bytes")?.saturating_add(size),
        })
    }

    /// Those of `files` that no block names.
    pub async fn block_files_unnamed(&mut self, files: Vec<Uuid>) -> Result<Vec<Uuid>> {
        let mut unnamed = Vec::new();
        for file in files {
            let row = sqlx::query("SELECT 1 FROM blocks WHERE file = ?")
                .bind(id(&file))
                .fetch_optional(self.db())
                .await?;
            if row.is_none() {
                unnamed.push(file);
            }
        }
        Ok(unnamed)
    }

    /// At most `limit` artifacts whose newest block came before `before`.
    pub async fn artifacts_with_blocks_before(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Uuid>> {
        let rows = sqlx::query(
            "SELECT id FROM artifacts WHERE blocks_at IS NOT NULL AND blocks_at < ?
             ORDER BY blocks_at LIMIT ?",
        )
        .bind(before.as_microsecond())
        .bind(limit)
        .fetch_all(self.db())
        .await?;
        rows.iter().map(|row| row.uuid("id")).collect()
    }
}

impl Txn {
    /// Keeps a block. One of the same id is replaced; the answer is its file, which
    /// nothing names any more.
    pub async fn block_put(
        &mut self,
        artifact: &Uuid,
        block: &Block,
        now: Timestamp,
    ) -> Result<Option<Uuid>> {
        let total = self
            .block_total_with(artifact, &block.id, block.size)
            .await?;
        let replaced =
            sqlx::query("DELETE FROM blocks WHERE artifact = ? AND block = ? RETURNING file")
                .bind(id(artifact))
                .bind(&block.id)
                .fetch_optional(self.db())
                .await?;
        sqlx::query("INSERT INTO blocks (artifact, block, file, size) VALUES (?, ?, ?, ?)")
            .bind(id(artifact))
            .bind(&block.id)
            .bind(id(&block.file))
            .bind(row::size(block.size))
            .execute(self.db())
            .await?;
        sqlx::query(
            "UPDATE artifacts SET block_count = ?, block_bytes = ?, blocks_at = ? WHERE id = ?",
        )
        .bind(row::size(total.count))
        .bind(row::size(total.bytes))
        .bind(now.as_microsecond())
        .bind(id(artifact))
        .execute(self.db())
        .await?;
        replaced.map(|row| row.uuid("file")).transpose()
    }

    /// Forgets the blocks of an artifact; the answer is their files.
    pub async fn blocks_forget(&mut self, artifact: &Uuid) -> Result<Vec<Uuid>> {
        let rows = sqlx::query("DELETE FROM blocks WHERE artifact = ? RETURNING file")
            .bind(id(artifact))
            .fetch_all(self.db())
            .await?;
        sqlx::query(
            "UPDATE artifacts SET block_count = 0, block_bytes = 0, blocks_at = NULL
             WHERE id = ? AND blocks_at IS NOT NULL",
        )
        .bind(id(artifact))
        .execute(self.db())
        .await?;
        rows.iter().map(|row| row.uuid("file")).collect()
    }
}
