//! Bytes by their digest, as files `sha256/ab/cdef…`.
//!
//! A file appears whole or not at all: it is written under another name, synced,
//! and renamed; then the folder is synced. Equal bytes are stored once. Bytes of a
//! block are a file `blocks/UUID` until its blob is whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::Md5;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use uuid::Uuid;
use wharf_core::{backend::ContentSource, digest::Digest};

use crate::{StoreError, fault::FaultPoint};

type Result<T> = std::result::Result<T, StoreError>;

/// Bytes copied at once.
const CHUNK: usize = 256 * 1024;

/// The blobs of one data directory; cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobStore {
    directory: Arc<Path>,
    /// Held while a file appears or goes, so that one that was stored anew is never
    /// removed for its old age.
    names: Arc<Mutex<()>>,
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

/// A block that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// Its file.
    pub file: Uuid,
    /// How many bytes.
    pub size: u64,
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
        let store = Self::at(directory);
        let unfinished = store.unfinished();
        for folder in [&directory.join("sha256"), &store.blocks(), &unfinished] {
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

    /// What is in the folder, which is left as it is.
    pub(crate) fn at(directory: &Path) -> Self {
        Self {
            directory: directory.into(),
            names: Arc::default(),
        }
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

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn blocks(&self) -> PathBuf {
        self.directory.join("blocks")
    }

    pub(crate) fn block_path(&self, file: &Uuid) -> PathBuf {
        self.blocks().join(file.to_string())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn path_of(&self, digest: &Digest) -> PathBuf {
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
        FaultPoint::BlobBegun.reach();
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

    /// Makes one blob of several blocks, in order.
    ///
    /// # Errors
    /// As [`BlobStore::begin`]; when a block is not there.
    pub async fn concat(&self, parts: &[Uuid], limit: u64) -> Result<StoredBlob> {
        let mut writer = self.begin(limit).await?;
        let mut buffer = vec![0; CHUNK];
        for part in parts {
            let what = |error: &io::Error| StoreError::io(format!("reading block {part}"), error);
            let opened = tokio::fs::File::open(self.block_path(part)).await;
            let mut reader = opened.map_err(|error| what(&error))?;
            loop {
                let read = reader.read(&mut buffer).await;
                let read = read.map_err(|error| what(&error))?;
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

    /// How many bytes were written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Makes the blob durable under its digest.
    ///
    /// # Errors
    /// When the file cannot be synced or renamed.
    pub async fn finish(self) -> Result<StoredBlob> {
        let (md5, size) = (self.md5(), self.size);
        let digest = Digest::from_bytes(self.sha256.clone().finalize().into());
        let target = self.store.path_of(&digest);
        self.publish(target).await?;
        Ok(StoredBlob { digest, size, md5 })
    }

    /// Makes the bytes durable as a block.
    ///
    /// # Errors
    /// As [`BlobWriter::finish`].
    pub async fn finish_block(self) -> Result<StoredBlock> {
        let (file, size) = (Uuid::new_v4(), self.size);
        let target = self.store.block_path(&file);
        self.publish(target).await?;
        Ok(StoredBlock { file, size })
    }

    async fn publish(mut self, target: PathBuf) -> Result<()> {
        let what = |error: &io::Error| StoreError::io("finishing an upload", error);
        self.file.flush().await.map_err(|error| what(&error))?;
        self.file.sync_all().await.map_err(|error| what(&error))?;
        FaultPoint::BlobSynced.reach();
        let (path, store) = (self.path, self.store);
        let published = tokio::task::spawn_blocking(move || {
            let names = store.lock();
            path.persist(&target).map_err(|error| error.error)?;
            drop(names);
            FaultPoint::BlobRenamed.reach();
            fs::File::open(target.parent().unwrap_or(Path::new(".")))?.sync_all()?;
            FaultPoint::BlobPublished.reach();
            Ok(())
        });
        let published = published.await;
        published
            .map_err(|error| StoreError::Io(error.to_string()))?
            .map_err(|error| what(&error))
    }
}
