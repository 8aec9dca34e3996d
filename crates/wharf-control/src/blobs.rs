//! Blobs: the bytes of artifacts, allowed by a [`SasGrant`] alone.

use bytes::Bytes;
use wharf_core::{Result, model::Content};

use crate::{App, sas::SasGrant};

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
pub struct BlobUpload {}

impl BlobUpload {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`wharf_core::Error::TooLarge`] beyond the limit,
    /// [`wharf_core::Error::Unavailable`] when the disk is full.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<()> {
        let _ = bytes;
        todo!()
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

impl App {
    /// Begins an upload of a blob or of one block.
    ///
    /// # Errors
    /// [`wharf_core::Error::Forbidden`] without write permission.
    pub async fn blob_upload(&self, grant: &SasGrant) -> Result<BlobUpload> {
        let _ = grant;
        todo!()
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
        let _ = (grant, upload, headers);
        todo!()
    }

    /// Ends an upload of one block.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] for a wrong MD5 or block id.
    pub async fn blob_block_commit(
        &self,
        grant: &SasGrant,
        upload: BlobUpload,
        block: &str,
        content_md5: Option<String>,
    ) -> Result<()> {
        let _ = (grant, upload, block, content_md5);
        todo!()
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
        let _ = (grant, blocks, headers);
        todo!()
    }

    /// What is known of a blob.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn blob_head(&self, grant: &SasGrant) -> Result<Content> {
        let _ = grant;
        todo!()
    }

    /// Reads a blob, or the part from `start` up to and including `end`.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`]; [`wharf_core::Error::Invalid`] (field `Range`)
    /// for a range outside the blob.
    pub async fn blob_read(
        &self,
        grant: &SasGrant,
        range: Option<(u64, Option<u64>)>,
    ) -> Result<BlobDownload> {
        let _ = (grant, range);
        todo!()
    }
}
