//! Bytes by their digest, as files `sha256/ab/cdef…`.
//!
//! A file appears whole or not at all: it is written under another name, synced,
//! and renamed; then the folder is synced. Equal bytes are stored once.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::Md5;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use wharf_core::{backend::ContentSource, digest::Digest};

use crate::StoreError;

type Result<T> = std::result::Result<T, StoreError>;

/// Bytes copied at once.
const CHUNK: usize = 256 * 1024;

/// The blobs of one data directory; cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobStore {
    directory: Arc<Path>,
}

/// Bytes that were stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Their SHA-256.
    pub digest: Digest,
    /// How many.
    pub size: u64,
    /// Their MD5, base64.
    pub md5: String,
}

/// A blob being written; dropping it leaves nothing behind.
pub struct BlobWriter {
    store: BlobStore,
    file: tokio::fs::File,
    path: TempPath,
    sha256: Sha256,
    md5: Md5,
    size: u64,
    limit: u64,
}

impl BlobStore {
    /// Opens or makes the folder; removes what an interrupted write left.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(directory: &Path) -> Result<Self> {
        let store = Self {
            directory: directory.into(),
        };
        let unfinished = store.unfinished();
        for folder in [&directory.join("sha256"), &unfinished] {
            fs::create_dir_all(folder)
                .map_err(|error| StoreError::io(format!("making {}", folder.display()), &error))?;
        }
        let what = || format!("clearing {}", unfinished.display());
        store
            .make_folders()
            .map_err(|error| StoreError::io(format!("making {}", directory.display()), &error))?;
        for entry in fs::read_dir(&unfinished).map_err(|error| StoreError::io(what(), &error))? {
            entry
                .and_then(|entry| fs::remove_file(entry.path()))
                .map_err(|error| StoreError::io(what(), &error))?;
        }
        Ok(store)
    }

    /// Makes the folders of all first bytes, durably and before any blob: a blob is
    /// answered for when its own folder is synced, so that one must be there for good.
    fn make_folders(&self) -> io::Result<()> {
        let above = self.directory.join("sha256");
        for first in 0..=u8::MAX {
            let folder = above.join(format!("{first:02x}"));
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        for folder in [&above, &*self.directory] {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn unfinished(&self) -> PathBuf {
        self.directory.join("unfinished")
    }

    fn path_of(&self, digest: &Digest) -> PathBuf {
        let digits = digest.to_string();
        let (folder, file) = digits.split_at(2);
        self.directory.join("sha256").join(folder).join(file)
    }

    /// Begins a blob of at most `limit` bytes.
    ///
    /// # Errors
    /// When no file can be made.
    pub async fn begin(&self, limit: u64) -> Result<BlobWriter> {
        let folder = self.unfinished();
        let made = tempfile::Builder::new()
            .prefix("upload-")
            .tempfile_in(&folder)
            .map_err(|error| StoreError::io(format!("writing in {}", folder.display()), &error))?;
        let (file, path) = made.into_parts();
        Ok(BlobWriter {
            store: self.clone(),
            file: tokio::fs::File::from_std(file),
            path,
            sha256: Sha256::new(),
            md5: Md5::new(),
            size: 0,
            limit,
        })
    }

    /// Opens `length` bytes from `start` on.
    ///
    /// # Errors
    /// When the blob is not there.
    pub async fn read(
        &self,
        digest: &Digest,
        start: u64,
        length: u64,
    ) -> Result<tokio::io::Take<tokio::fs::File>> {
        let path = self.path_of(digest);
        let what = || format!("reading {}", path.display());
        let mut file = tokio::fs::File::open(&path)
            .await
            .map_err(|error| StoreError::io(what(), &error))?;
        file.seek(io::SeekFrom::Start(start))
            .await
            .map_err(|error| StoreError::io(what(), &error))?;
        Ok(file.take(length))
    }

    /// Makes one blob of several, in order.
    ///
    /// # Errors
    /// As [`BlobStore::begin`] and [`BlobStore::read`].
    pub async fn concat(&self, parts: &[Digest], limit: u64) -> Result<StoredBlob> {
        let mut writer = self.begin(limit).await?;
        let mut buffer = vec![0; CHUNK];
        for part in parts {
            let mut reader = self.read(part, 0, u64::MAX).await?;
            loop {
                let read = reader
                    .read(&mut buffer)
                    .await
                    .map_err(|error| StoreError::io(format!("reading {part}"), &error))?;
                if read == 0 {
                    break;
                }
                writer.write(&buffer[..read]).await?;
            }
        }
        writer.finish().await
    }
}

impl ContentSource for BlobStore {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(fs::File::open(self.path_of(digest))?))
    }
}

impl BlobWriter {
    /// Whether `more` bytes would pass the limit.
    pub fn would_pass_limit(&self, more: usize) -> bool {
        self.size.saturating_add(more as u64) > self.limit
    }

    /// The limit in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the disk is; [`StoreError::Io`] beyond the limit
    /// (callers ask [`BlobWriter::would_pass_limit`] first).
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.would_pass_limit(bytes.len()) {
            return Err(StoreError::Io(format!(
                "a blob of more than {} bytes",
                self.limit
            )));
        }
        self.sha256.update(bytes);
        self.md5.update(bytes);
        self.size += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .await
            .map_err(|error| StoreError::io(format!("writing {}", self.path.display()), &error))
    }

    /// MD5 of what was written so far, base64.
    pub fn md5(&self) -> String {
        STANDARD.encode(self.md5.clone().finalize())
    }

    /// Makes the blob durable under its digest.
    ///
    /// # Errors
    /// When the file cannot be synced or renamed.
    pub async fn finish(mut self) -> Result<StoredBlob> {
        let what = |error: &io::Error| StoreError::io("finishing an upload", error);
        self.file.flush().await.map_err(|error| what(&error))?;
        self.file.sync_all().await.map_err(|error| what(&error))?;
        let md5 = self.md5();
        let digest = Digest::from_bytes(self.sha256.finalize().into());
        let target = self.store.path_of(&digest);
        let size = self.size;
        let path = self.path;
        tokio::task::spawn_blocking(move || publish(path, &target))
            .await
            .map_err(|error| StoreError::Io(error.to_string()))?
            .map_err(|error| what(&error))?;
        Ok(StoredBlob { digest, size, md5 })
    }
}

fn publish(path: TempPath, target: &Path) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    path.persist(target).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}
