//! The files of blobs and blocks by their age, and their end. Whether a file is still
//! named is for the rows to say; here only what is old goes, since an upload stores
//! its file before its row.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::digest::Digest;

use crate::{BlobStore, StoreError, fault::FaultPoint};

type Result<T> = std::result::Result<T, StoreError>;

fn system_time(time: Timestamp) -> SystemTime {
    let microseconds = u64::try_from(time.as_microsecond()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_micros(microseconds)
}

fn is_older(path: &Path, before: SystemTime) -> io::Result<bool> {
    match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(modified) => Ok(modified < before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names of the files of `folder` that were last written before `before`.
fn older(folder: &Path, before: SystemTime) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_older(&entry.path(), before)? {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Io(error.to_string()))?
        .map_err(|error| StoreError::io(what, &error))
}

impl BlobStore {
    /// Blobs whose digest begins with `first` and that were last stored before
    /// `before`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn older_blobs(&self, first: u8, before: Timestamp) -> Result<Vec<Digest>> {
        let first = format!("{first:02x}");
        let folder = self.directory().join("sha256").join(&first);
        let names = blocking("listing blobs", move || older(&folder, system_time(before)));
        let digests = names.await?.into_iter();
        // What is no digest was not put there by a store.
        Ok(digests
            .filter_map(|rest| format!("{first}{rest}").parse().ok())
            .collect())
    }

    /// Removes a blob, unless it was stored anew since `before`. True when it went.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub async fn remove_older(&self, digest: Digest, before: Timestamp) -> Result<bool> {
        let store = self.clone();
        blocking("removing a blob", move || {
            let path = store.path_of(&digest);
            let _names = store.lock();
            Ok(is_older(&path, system_time(before))? && remove(&path)?)
        })
        .await
    }

    /// Blocks that were stored before `before`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn older_blocks(&self, before: Timestamp) -> Result<Vec<Uuid>> {
        let folder = self.blocks();
        let names = blocking("listing blocks", move || {
            older(&folder, system_time(before))
        })
        .await?;
        let files = names.iter().filter_map(|name| name.parse().ok());
        Ok(files.collect())
    }

    /// Removes blocks that no row names any more. Those that are gone are fine.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub async fn remove_blocks(&self, files: Vec<Uuid>) -> Result<()> {
        let store = self.clone();
        blocking("removing blocks", move || {
            files.iter().try_for_each(|file| {
                remove(&store.block_path(file))?;
                FaultPoint::BlockRemoved.reach();
                Ok(())
            })
        })
        .await
    }
}
