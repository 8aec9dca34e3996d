//! The data directory: what lies where, and that one server at a time uses it.

use std::{
    fs,
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use wharf_cli::DataDir;

use crate::{durable, error::StartError};

/// The data directory of a server that runs. The lock goes with it.
#[derive(Debug)]
pub(crate) struct LockedDataDir {
    dir: DataDir,
    /// Locked by the system for as long as the process lives, so that a crash
    /// leaves a file, never a lock.
    _lock: fs::File,
}

impl LockedDataDir {
    /// Makes the directory if need be, and takes it for this process.
    pub(crate) fn open(dir: &DataDir) -> Result<Self, StartError> {
        let root = dir.root();
        durable::private_folder(root)
            .map_err(|error| StartError::file("make the data directory", root, error))?;
        // Children get paths on their command lines, wherever they start.
        let root = fs::canonicalize(root)
            .map_err(|error| StartError::file("find the data directory", root, error))?;
        let dir = DataDir::new(root);
        let lock = lock(&dir)?;
        for folder in [dir.root().to_owned(), dir.keys(), dir.tls(), dir.azure()] {
            durable::private_folder(&folder)
                .and_then(|()| durable::remove_unfinished(&folder))
                .map_err(|error| StartError::file("prepare", &folder, error))?;
        }
        Ok(Self { dir, _lock: lock })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.root().join(name)
    }

    pub(crate) fn dir(&self) -> &DataDir {
        &self.dir
    }
}

fn lock(dir: &DataDir) -> Result<fs::File, StartError> {
    let path = dir.lock();
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| StartError::file("open", &path, error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            return Err(StartError::InUse {
                directory: dir.root().to_owned(),
                pid: holder(&mut file),
            });
        }
        Err(error) => return Err(StartError::file("lock", &path, error.into())),
    }
    write_pid(&mut file).map_err(|error| StartError::file("write", &path, error))?;
    Ok(file)
}

/// The pid that the holder wrote; none if it has not come that far.
fn holder(file: &mut fs::File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut fs::File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// Whether a file is there; other errors than its absence are errors.
pub(crate) fn is_there(path: &Path) -> Result<bool, StartError> {
    path.try_exists()
        .map_err(|error| StartError::file("look for", path, error))
}
