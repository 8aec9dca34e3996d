//! Files that appear whole or not at all, and stay over a power cut: written under
//! another name, synced, renamed; then the folder is synced.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
};

/// Mode of the data directory and its folders: for its owner alone.
const FOLDER_MODE: u32 = 0o700;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner: keys and whatever holds a secret.
    Owner,
    /// Everybody who can enter the folder: certificates.
    All,
}

impl Readers {
    pub(crate) fn mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::All => 0o644,
        }
    }
}

/// Makes a folder that only its owner can enter; one that is there is closed to
/// others.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)?;
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(FOLDER_MODE))?;
    }
    Ok(())
}

/// Writes a file, replacing the one that is there.
pub(crate) fn write(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".unfinished-")
        .permissions(fs::Permissions::from_mode(readers.mode()))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}

/// Writes a file unless it holds these bytes with these readers already.
pub(crate) fn write_if_other(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let is_same = fs::read(path).is_ok_and(|there| there == bytes)
        && fs::metadata(path)?.permissions().mode() & 0o777 == readers.mode();
    if is_same {
        return Ok(());
    }
    write(path, bytes, readers)
}

/// Removes what interrupted writes left in a folder.
pub(crate) fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(b".unfinished-")
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
