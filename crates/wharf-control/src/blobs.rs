//! Blobs: the bytes of artifacts, allowed by a [`SasGrant`] alone.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    model::{Artifact, Content},
};
use wharf_store::{
    BlobWriter, StoredBlob,
    blocks::{Block, BlockTotal},
};

use crate::{App, sas::SasGrant};

/// Most blocks of one blob (Azure's own limit).
pub const MOST_BLOCKS: usize = 50_000;
/// Longest block id in bytes before base64 (Azure's own limit).
const LONGEST_BLOCK_ID: usize = 64;
/// Longest content type that is kept.
const LONGEST_CONTENT_TYPE: usize = 255;

/// What an upload says beside its bytes.
#[derive(Debug, Clone, Default)]
pub struct BlobHeaders {
    /// Its content type; `application/octet-stream` when empty.
    pub content_type: Option<String>,
    /// MD5 of the bytes, base64; checked when given (not for block lists, where it
    /// is stored as it is).
    pub content_md5: Option<String>,
    /// `If-None-Match: *`: refuse to replace.
    pub only_if_absent: bool,
}

/// An upload under way; dropping it leaves nothing behind.
pub struct BlobUpload {
    writer: BlobWriter,
}

impl BlobUpload {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`wharf_core::Error::TooLarge`] beyond the limit,
    /// [`wharf_core::Error::Unavailable`] when the disk is full.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.writer.would_pass_limit(bytes.len()) {
            return Err(Error::TooLarge {
                what: "the blob",
                limit: self.writer.limit(),
            });
        }
        Ok(self.writer.write(bytes).await?)
    }

    fn check_md5(&self, expected_md5: Option<&str>) -> Result<()> {
        if let Some(expected) = expected_md5 {
            let actual = self.writer.md5();
            if expected != actual {
                return Err(Error::invalid(
                    "Content-MD5",
                    format!("is `{expected}`, but the bytes that arrived have `{actual}`"),
                ));
            }
        }
        Ok(())
    }
}

/// Stored bytes being read.
pub struct BlobDownload {
    /// What is known of the whole.
    pub content: Content,
    /// First byte of the part, from 0.
    pub start: u64,
    /// Bytes of the part.
    pub length: u64,
    /// Reads exactly `length` bytes.
    pub reader: Box<dyn tokio::io::AsyncRead + Send + Unpin>,
}

fn exists(grant: &SasGrant) -> Error {
    Error::conflict(
        Kind::Artifact,
        grant.artifact.to_string(),
        "is there already, and `If-None-Match: *` refuses to replace it",
    )
}

fn missing(grant: &SasGrant) -> Error {
    Error::not_found(Kind::Artifact, grant.artifact.to_string())
}

fn check_block_id(block: &str) -> Result<()> {
    match STANDARD.decode(block) {
        Ok(bytes) if (1..=LONGEST_BLOCK_ID).contains(&bytes.len()) => Ok(()),
        _ => Err(Error::invalid(
            "blockid",
            format!("must be 1 to {LONGEST_BLOCK_ID} bytes in base64"),
        )),
    }
}

/// Blocks that wait for their list are bounded like the blob that they become, so
/// that nobody fills the disk with blocks alone.
fn check_blocks(total: BlockTotal, largest: u64) -> Result<()> {
    if total.count > MOST_BLOCKS as u64 {
        return Err(Error::invalid(
            "blockid",
            format!("the blob has {MOST_BLOCKS} blocks already, and no more are allowed"),
        ));
    }
    if total.bytes > largest {
        return Err(Error::TooLarge {
            what: "the blob",
            limit: largest,
        });
    }
    Ok(())
}

impl App {
    /// Largest blob, in bytes.
    pub fn largest_blob(&self) -> u64 {
        self.inner.largest_blob
    }

    /// Begins an upload of a blob or of one block.
    ///
    /// # Errors
    /// [`wharf_core::Error::Forbidden`] without write permission;
    /// [`wharf_core::Error::NotFound`] when the blob was never announced.
    pub async fn blob_upload(&self, grant: &SasGrant) -> Result<BlobUpload> {
        grant.require_write()?;
        self.announced(grant).await?;
        let writer = self.inner.blobs.begin(self.inner.largest_blob).await?;
        Ok(BlobUpload { writer })
    }

    async fn announced(&self, grant: &SasGrant) -> Result<Artifact> {
        let mut session = self.store().read().await?;
        let found = session
            .artifact_get(&grant.workspace, &grant.artifact)
            .await?;
        found.ok_or_else(|| missing(grant))
    }

    /// Ends an upload: the blob is what was written.
    ///
    /// # Errors
    /// [`wharf_core::Error::Conflict`] when the blob is there and must not be replaced,
    /// [`wharf_core::Error::Invalid`] for a wrong MD5 (field `Content-MD5`).
    pub async fn blob_commit(
        &self,
        grant: &SasGrant,
        upload: BlobUpload,
        headers: BlobHeaders,
    ) -> Result<Content> {
        upload.check_md5(headers.content_md5.as_deref())?;
        // What is refused here leaves no file.
        let artifact = self.announced(grant).await?;
        if artifact.content.is_some() && headers.only_if_absent {
            return Err(exists(grant));
        }
        let stored = upload.writer.finish().await?;
        self.set_content(grant, stored, headers).await
    }

    async fn set_content(
        &self,
        grant: &SasGrant,
        stored: StoredBlob,
        headers: BlobHeaders,
    ) -> Result<Content> {
        let artifact = self.announced(grant).await?;
        let mut content_type = headers
            .content_type
            .unwrap_or_else(|| "application/octet-stream".to_owned());
        content_type.truncate(content_type.floor_char_boundary(LONGEST_CONTENT_TYPE));
        let content = Content {
            digest: stored.digest,
            size: stored.size,
            md5: Some(stored.md5),
            content_type,
            stored_at: self.now(),
        };
        let written = content.clone();
        let freed = self
            .store()
            .write::<_, Error, _>(move |txn| {
                Box::pin(async move {
                    Ok(txn
                        .artifact_set_content(&artifact.id, &written, headers.only_if_absent)
                        .await?)
                })
            })
            .await?;
        match freed {
            Some(blocks) => {
                self.remove_blocks(blocks).await;
                Ok(content)
            }
            None => Err(exists(grant)),
        }
    }

    /// Frees the bytes of blocks that no row names any more. What is left for any
    /// reason goes with the next sweep.
    pub(crate) async fn remove_blocks(&self, files: Vec<Uuid>) {
        if let Err(error) = self.inner.blobs.remove_blocks(files).await {
            tracing::warn!(%error, "blocks that are no longer needed could not be removed");
        }
    }

    /// Ends an upload of one block.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] for a wrong MD5 or block id, or too many blocks;
    /// [`wharf_core::Error::TooLarge`] when all blocks together are.
    pub async fn blob_block_commit(
        &self,
        grant: &SasGrant,
        upload: BlobUpload,
        block: &str,
        content_md5: Option<String>,
    ) -> Result<()> {
        check_block_id(block)?;
        upload.check_md5(content_md5.as_deref())?;
        let artifact = self.announced(grant).await?;
        let largest = self.inner.largest_blob;
        // Before any file appears; and again when it is written down, since others
        // upload at the same time.
        let size = upload.writer.size();
        let mut session = self.store().read().await?;
        let total = session.block_total_with(&artifact.id, block, size).await?;
        drop(session);
        check_blocks(total, largest)?;
        let stored = upload.writer.finish_block().await?;
        let block = Block {
            id: block.to_owned(),
            file: stored.file,
            size: stored.size,
        };
        let now = self.now();
        let written = self
            .store()
            .write::<_, Error, _>(move |txn| {
                Box::pin(async move {
                    let total = txn
                        .block_total_with(&artifact.id, &block.id, block.size)
                        .await?;
                    check_blocks(total, largest)?;
                    Ok(txn.block_put(&artifact.id, &block, now).await?)
                })
            })
            .await;
        match written {
            Ok(replaced) => self.remove_blocks(replaced.into_iter().collect()).await,
            Err(refused @ (Error::Invalid(_) | Error::TooLarge { .. })) => {
                self.remove_blocks(vec![stored.file]).await;
                return Err(refused);
            }
            // Whether the row was written may be unknown.
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The blob is these blocks, in this order.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] (field `BlockList`) for a block that was not
    /// uploaded; [`wharf_core::Error::Conflict`] as [`App::blob_commit`].
    pub async fn blob_block_list_commit(
        &self,
        grant: &SasGrant,
        blocks: &[String],
        headers: BlobHeaders,
    ) -> Result<Content> {
        grant.require_write()?;
        let invalid = |message: String| Error::invalid("BlockList", message);
        if blocks.len() > MOST_BLOCKS {
            return Err(invalid(format!(
                "has {} blocks; at most {MOST_BLOCKS} are allowed",
                blocks.len()
            )));
        }
        let artifact = self.announced(grant).await?;
        if artifact.content.is_some() && headers.only_if_absent {
            return Err(exists(grant));
        }
        let known = self.store().read().await?.block_list(&artifact.id).await?;
        let mut files = Vec::with_capacity(blocks.len());
        let mut size = 0u64;
        for wanted in blocks {
            // Sorted by id in the store.
            let found = known
                .binary_search_by(|block| block.id.as_str().cmp(wanted))
                .map_err(|_| invalid(format!("names `{wanted}`, which was not uploaded")))?;
            files.push(known[found].file);
            size += known[found].size;
        }
        if size > self.inner.largest_blob {
            return Err(Error::TooLarge {
                what: "the blob",
                limit: self.inner.largest_blob,
            });
        }
        let largest = self.inner.largest_blob;
        let stored = match self.inner.blobs.concat(&files, largest).await {
            Ok(stored) => stored,
            Err(error) => {
                let mut session = self.store().read().await?;
                if session.block_list(&artifact.id).await? == known {
                    return Err(error.into());
                }
                // Another upload of the same blob replaced them, or ended.
                return Err(Error::conflict(
                    Kind::Artifact,
                    grant.artifact.to_string(),
                    "is being uploaded twice: its blocks changed while they were put together",
                ));
            }
        };
        self.set_content(grant, stored, headers).await
    }

    /// What is known of a blob.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn blob_head(&self, grant: &SasGrant) -> Result<Content> {
        let artifact = self.announced(grant).await?;
        artifact.content.ok_or_else(|| missing(grant))
    }

    /// Reads a blob, or the part from `start` up to and including `end`.
    ///
    /// # Errors
    /// [`wharf_core::Error::Forbidden`] without read permission;
    /// [`wharf_core::Error::NotFound`]; [`wharf_core::Error::Invalid`] (field `Range`)
    /// for a range outside the blob.
    pub async fn blob_read(
        &self,
        grant: &SasGrant,
        range: Option<(u64, Option<u64>)>,
    ) -> Result<BlobDownload> {
        grant.require_read()?;
        let content = self.blob_head(grant).await?;
        let (start, length) = match range {
            None => (0, content.size),
            Some((start, end)) => {
                let last = end.unwrap_or(u64::MAX).min(content.size.saturating_sub(1));
                if start > last || content.size == 0 {
                    return Err(Error::invalid(
                        "Range",
                        format!("lies outside of the blob, which has {} bytes", content.size),
                    ));
                }
                (start, last - start + 1)
            }
        };
        let reader = self
            .inner
            .blobs
            .read(&content.digest, start, length)
            .await?;
        Ok(BlobDownload {
            content,
            start,
            length,
            reader: Box::new(reader),
        })
    }
}
