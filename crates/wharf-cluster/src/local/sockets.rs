//! Where the sockets of replicas are. A socket's path has at most 108 bytes, and a
//! data directory may be deep, so then they go into a private folder under the
//! system's temporary one.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use wharf_core::digest::Digest;

/// Longest path of a socket that is used, in bytes. Linux takes 107, others less.
const LONGEST: usize = 100;
/// `/`, 12 digits and `.sock`.
const NAME: usize = 18;

/// The folder for sockets, made if need be.
pub(super) fn folder(wanted: &Path, root: &Path) -> io::Result<PathBuf> {
    if wanted.as_os_str().len() + NAME <= LONGEST {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(wanted)?;
        return Ok(wanted.to_owned());
    }
    // The same name each time, so that a restart cleans up after itself.
    let mut name = Digest::of(root.as_os_str().as_encoded_bytes()).to_string();
    name.truncate(12);
    let folder = std::env::temp_dir().join(format!("wharf-{name}"));
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // In a folder that all may write to, somebody else could have made it.
    let there = fs::symlink_metadata(&folder)?;
    let is_ours = there.uid() == rustix::process::geteuid().as_raw();
    if !there.is_dir() || !is_ours || there.mode() & 0o077 != 0 {
        let message = format!(
            "{} must be a folder that only this user can enter",
            folder.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(folder)
}

/// A name in the folder that nobody had before.
pub(super) fn fresh(folder: &Path) -> PathBuf {
    let mut name = uuid::Uuid::new_v4().simple().to_string();
    name.truncate(12);
    folder.join(format!("{name}.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_folders_are_replaced_by_a_private_one() -> io::Result<()> {
        let scratch = tempfile::tempdir()?;
        let short = scratch.path().join("s");
        assert_eq!(folder(&short, scratch.path())?, short);
        let deep = scratch.path().join("d".repeat(100));
        let private = folder(&deep, scratch.path())?;
        assert!(fresh(&private).as_os_str().len() <= LONGEST);
        assert_eq!(fs::metadata(&private)?.mode() & 0o777, 0o700);
        assert_eq!(folder(&deep, scratch.path())?, private);
        fs::remove_dir(&private)
    }
}
