//! The application folder of a workload: models, code, unpacked archives.
//!
//! It is made under another name, every byte checked against its digest, and
//! renamed when whole: it is there whole or not at all. Files are copies and
//! never links into the blob store, because the code that sees them is a
//! stranger's.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use cap_std::{ambient_authority, fs::Dir};
use sha2::{Digest as _, Sha256};
use wharf_core::{
    backend::{BackendError, ContentSource},
    deployment::Template,
    digest::Digest,
    model::check_relative_path,
};

use super::{
    archive::{ArchiveError, unpack_archive},
    fault::FaultPoint,
    files::{Staged, WorkloadFolder, create_file, discard, write_json},
};

/// Folder of the models inside the application folder, as `Model.get_model_path`
/// of azureml-core looks for it.
pub(super) const MODELS: &str = "azureml-models";

/// The module that the scorer imports when no entry script is named.
const DRIVER: &str = "main.py";

/// The script with `init` and `run`, relative to the application folder. The SDK
/// sends it as a variable of the environment.
pub(super) fn entry_script(template: &Template) -> Option<&String> {
    variable(template, "AZUREML_ENTRY_SCRIPT")
}

/// A variable of the environment that says something.
pub(super) fn variable<'a>(template: &'a Template, name: &str) -> Option<&'a String> {
    let value = template.environment.variables.get(name);
    value.filter(|text| !text.is_empty())
}

/// Makes the application folder anew, whole or not at all.
///
/// # Errors
/// As [`stage`].
pub(super) fn make_app(
    root: &Path,
    boot: &str,
    folder: &WorkloadFolder,
    template: &Template,
    content: &dyn ContentSource,
) -> Result<(), BackendError> {
    let failed = |error: io::Error| unavailable(&folder.path().display(), &error);
    let fresh = tempfile::Builder::new()
        .prefix(".app-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in(folder.path())
        .map_err(failed)?;
    stage(template, content, fresh.path())?;
    discard(root, &folder.app()).map_err(failed)?;
    let boot = boot.to_owned();
    write_json(&folder.staged(), &Staged { boot }).map_err(failed)?;
    fs::rename(fresh.keep(), folder.app()).map_err(failed)?;
    FaultPoint::WorkloadAppMoved.reach();
    Ok(())
}

/// Fills the empty folder `target`. After an error the caller throws it away.
///
/// # Errors
/// [`BackendError::Refused`] for a hostile archive or name.
fn stage(
    template: &Template,
    content: &dyn ContentSource,
    target: &Path,
) -> Result<(), BackendError> {
    let dir = Dir::open_ambient_dir(target, ambient_authority())
        .map_err(|error| unavailable(&target.display(), &error))?;
    let mut stager = Stager { content, dir };
    stager.folder(MODELS)?;
    for model in &template.models {
        let id = &model.id;
        let folder = format!("{MODELS}/{}/{}", id.name, id.version);
        stager.folder(&folder)?;
        for file in &model.files {
            if model.unpack {
                stager.archive(&file.digest, &folder, &format!("model `{id}`"))?;
            } else {
                stager.file(&file.digest, &format!("{folder}/{}", file.path))?;
            }
        }
    }
    for file in &template.code {
        if file.unpack {
            stager.archive(&file.digest, ".", &format!("asset `{}`", file.name))?;
        } else {
            stager.file(&file.digest, &file.name)?;
        }
        if template.driver.as_ref() == Some(&file.name)
            && entry_script(template).is_none()
            && file.name != DRIVER
        {
            stager.file(&file.digest, DRIVER)?;
        }
    }
    Ok(())
}

struct Stager<'a> {
    content: &'a dyn ContentSource,
    dir: Dir,
}

impl Stager<'_> {
    fn folder(&mut self, path: &str) -> Result<(), BackendError> {
        let made = self.dir.create_dir_all(path);
        made.map_err(|error| unavailable(&path, &error))
    }

    fn file(&mut self, digest: &Digest, path: &str) -> Result<(), BackendError> {
        check_relative_path(path).map_err(|error| BackendError::Refused {
            code: "InvalidPath",
            message: format!("the file name `{path}` {error}"),
        })?;
        let mut reader = self.open(digest)?;
        let mut file = create_file(&self.dir, path, false).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => BackendError::Refused {
                code: "InvalidPath",
                message: format!("two files of the deployment are called `{path}`"),
            },
            _ => unavailable(&path, &error),
        })?;
        io::copy(&mut reader, &mut file).map_err(|error| unavailable(&path, &error))?;
        reader.check(digest)
    }

    fn archive(&mut self, digest: &Digest, folder: &str, what: &str) -> Result<(), BackendError> {
        let mut reader = self.open(digest)?;
        let target = self.dir.open_dir(folder);
        let target = target.map_err(|error| unavailable(&folder, &error))?;
        unpack_archive(&mut reader, &target).map_err(|error| match error {
            ArchiveError::Write { .. } => unavailable(&what, &error),
            _ => BackendError::Refused {
                code: "InvalidArchive",
                message: format!("the archive of {what} is refused: {error}"),
            },
        })?;
        // What follows the end mark of the archive belongs to the digest too.
        io::copy(&mut reader, &mut io::sink()).map_err(|error| unavailable(&what, &error))?;
        reader.check(digest)
    }

    fn open(&self, digest: &Digest) -> Result<Hashing, BackendError> {
        let inner = self.content.open(digest);
        Ok(Hashing {
            inner: inner.map_err(|error| unavailable(&digest, &error))?,
            hash: Sha256::new(),
        })
    }
}

struct Hashing {
    inner: Box<dyn Read + Send>,
    hash: Sha256,
}

impl Hashing {
    fn check(self, digest: &Digest) -> Result<(), BackendError> {
        let found = Digest::from_bytes(self.hash.finalize().into());
        if found == *digest {
            return Ok(());
        }
        Err(BackendError::Unavailable(format!(
            "stored content {digest} is damaged: its digest is {found}"
        )))
    }
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

fn unavailable(what: &dyn std::fmt::Display, error: &dyn std::fmt::Display) -> BackendError {
    BackendError::Unavailable(format!("cannot prepare {what}: {error}"))
}
