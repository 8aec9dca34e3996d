//! Whose the cluster is: `CLUSTERS/ID/marker.json`, there whole or not at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use uuid::Uuid;
use wharf_core::backend::{BackendError, OwnershipMarker};

use super::files::{read_json, remove_file, write_json};

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
        Some(Read::Torn) => {
            tracing::warn!(path = %path.display(), "replacing a marker that cannot be read");
            write_json(&path, marker).map_err(|error| unavailable(&path, &error))
        }
        Some(Read::Whole(there)) if there == *marker => Ok(()),
        Some(Read::Whole(there)) => Err(BackendError::Owned(there)),
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
    let is_to_go = match read(&path)? {
        Some(Read::Whole(there)) => there == *marker,
        Some(Read::Torn) => true,
        None => false,
    };
    if is_to_go {
        remove_file(&path).map_err(|error| unavailable(&path, &error))?;
    }
    Ok(())
}

/// A marker that is there.
enum Read {
    Whole(OwnershipMarker),
    /// Damaged. It names nobody, and would lock everybody out for ever; whoever asks
    /// is the compute that the server's store has for the cluster, and one server at
    /// a time uses the data directory.
    Torn,
}

fn read(path: &Path) -> Result<Option<Read>, BackendError> {
    match read_json(path) {
        Ok(there) => Ok(there.map(Read::Whole)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(Read::Torn)),
        Err(error) => Err(unavailable(path, &error)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(number: u128) -> OwnershipMarker {
        OwnershipMarker {
            workspace: Uuid::from_u128(1),
            compute_id: Uuid::from_u128(number),
            compute: "cluster".to_owned(),
            incarnation: Uuid::from_u128(number),
        }
    }

    #[test]
    fn a_torn_marker_locks_nobody_out() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let root = scratch.path().join("replicas");
        let cluster = Uuid::from_u128(3);
        let path = marker_file(&root, cluster);
        let (first, second) = (marker(1), marker(2));
        for torn in ["", "{\"workspace\":", "{}"] {
            put(&root, cluster, &first).expect("attach");
            fs::write(&path, torn).expect("torn");
            remove(&root, cluster, &first).expect("detach");
            assert!(!path.exists());
            put(&root, cluster, &first).expect("attach again");
            fs::write(&path, torn).expect("torn");
            put(&root, cluster, &second).expect("attach");
            let other = put(&root, cluster, &first);
            assert!(matches!(other, Err(BackendError::Owned(owner)) if owner == second));
            remove(&root, cluster, &second).expect("detach");
        }
    }

    #[test]
    fn a_marker_that_cannot_be_read_stays() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let root = scratch.path().join("replicas");
        let cluster = Uuid::from_u128(3);
        let path = marker_file(&root, cluster);
        fs::create_dir_all(&path).expect("a folder cannot be read as a file");
        put(&root, cluster, &marker(1)).expect_err("unknown");
        remove(&root, cluster, &marker(1)).expect_err("unknown");
        assert!(path.exists());
    }
}
