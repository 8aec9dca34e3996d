//! Whose the cluster is: `CLUSTERS/ID/marker.json`, there whole or not at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use uuid::Uuid;
use wharf_core::backend::{BackendError, OwnershipMarker};

use super::files::{read_json, remove_file};

/// The folder of a cluster; `root` is the one of the replicas, beside it.
pub(crate) fn cluster_folder(root: &Path, cluster: Uuid) -> PathBuf {
    let data = root.parent().unwrap_or(root);
    data.join("clusters").join(cluster.to_string())
}

/// The marker's file.
pub(crate) fn marker_file(root: &Path, cluster: Uuid) -> PathBuf {
    cluster_folder(root, cluster).join("marker.json")
}

/// Writes the marker unless another one is there.
pub(super) fn put(
    root: &Path,
    cluster: Uuid,
    marker: &OwnershipMarker,
) -> Result<(), BackendError> {
    let path = marker_file(root, cluster);
    if link(&path, marker).map_err(|error| unavailable(&path, &error))? {
        return Ok(());
    }
    match read(&path)? {
        Some(there) if there == *marker => Ok(()),
        Some(there) => Err(BackendError::Owned(there)),
        None => Err(BackendError::Unavailable(
            "the cluster's marker changed just now".into(),
        )),
    }
}

/// Removes the marker if it is this one.
pub(super) fn remove(
    root: &Path,
    cluster: Uuid,
    marker: &OwnershipMarker,
) -> Result<(), BackendError> {
    let path = marker_file(root, cluster);
    if read(&path)?.as_ref() == Some(marker) {
        remove_file(&path).map_err(|error| unavailable(&path, &error))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Option<OwnershipMarker>, BackendError> {
    read_json(path).map_err(|error| unavailable(path, &error))
}

/// Puts a whole file under a name that must be free; `false` when it is not.
fn link(path: &Path, marker: &OwnershipMarker) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)?;
    serde_json::to_writer(&mut file, marker)?;
    // A torn marker would lock everybody out; a lost one is written again.
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

fn unavailable(path: &Path, error: &io::Error) -> BackendError {
    BackendError::Unavailable(format!("cannot use {}: {error}", path.display()))
}
