//! What lies where on disk, and when it counts as there.
//!
//! ```text
//! ROOT/cache/                  packages, shared by all (uv's)
//!      tools/                  uv itself, where the machine has none
//!      work/XXXXXX/            one build; whatever lies here at a start is garbage
//!      environments/DIGEST/    venv/, requirements.lock, and environment.json
//!      requests/DIGEST.json    what was asked for, to which environment it led
//! ```
//!
//! An environment is made in `work` and renamed, so a folder in `environments` is
//! complete whenever the server dies. Until it is known to be on disk it counts only
//! for this boot of the machine, so that nobody has to wait for the disk.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tempfile::TempDir;

use crate::{carriers, local::boot_id};

const RECORD: &str = "environment.json";
/// All programs of a build are started with this variable, which names the work
/// folder, so that a later server can find those that outlived theirs.
pub(super) const BUILD_VARIABLE: &str = "WHARF_BUILD_FOLDER";

/// What is written of an environment, last of all its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EnvironmentRecord {
    pub(super) digest: String,
    pub(super) python_version: String,
    /// The boot that made it, until all of it is on disk.
    pub(super) boot: Option<String>,
}

/// What a request led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RequestRecord {
    pub(super) environment: String,
    pub(super) notices: Vec<String>,
}

/// The folders.
#[derive(Debug, Clone)]
pub(super) struct Layout(PathBuf);

impl Layout {
    /// Makes the folders, ends what an earlier server's builds left running and
    /// removes what they left behind.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let layout = Self(std::path::absolute(root)?);
        for folder in ["", "cache", "tools", "work", "environments", "requests"] {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(layout.0.join(folder))?;
        }
        end_builds(&layout.work())?;
        for entry in fs::read_dir(layout.work())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(layout)
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    pub(super) fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    pub(super) fn tools(&self) -> PathBuf {
        self.0.join("tools")
    }

    pub(super) fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// A folder for one build; removed when dropped.
    pub(super) fn work_folder(&self) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("").tempdir_in(self.work())
    }

    fn environment_folder(&self, digest: &str) -> PathBuf {
        self.0.join("environments").join(digest)
    }

    /// The interpreter of an environment.
    pub(super) fn python(&self, digest: &str) -> PathBuf {
        venv_python(&self.environment_folder(digest))
    }

    /// An environment that is there and whose interpreter still exists.
    pub(super) fn environment(&self, digest: &str) -> Option<EnvironmentRecord> {
        let folder = self.environment_folder(digest);
        let record: EnvironmentRecord = read(&folder.join(RECORD))?;
        // Follows the link to the machine's interpreter, which may have been removed.
        let is_whole = venv_python(&folder).is_file() && record.digest == digest;
        // After a power cut any of its files may be torn.
        let is_certain = match &record.boot {
            None => true,
            Some(boot) => boot_id().is_ok_and(|it| it == *boot),
        };
        (is_whole && is_certain).then_some(record)
    }

    fn request_file(&self, digest: &str) -> PathBuf {
        self.0.join("requests").join(format!("{digest}.json"))
    }

    /// What the same request led to before.
    pub(super) fn request(&self, digest: &str) -> Option<RequestRecord> {
        read(&self.request_file(digest))
    }

    pub(super) fn write_request(&self, digest: &str, record: &RequestRecord) -> io::Result<()> {
        // A torn one counts as none, so it is not forced to disk.
        write(&self.work(), &self.request_file(digest), record)
    }

    /// Makes a finished build the environment `digest`.
    pub(super) fn publish(
        &self,
        build: &Path,
        digest: &str,
        python_version: &str,
    ) -> io::Result<EnvironmentRecord> {
        let record = EnvironmentRecord {
            digest: digest.to_owned(),
            python_version: python_version.to_owned(),
            boot: Some(boot_id()?),
        };
        write(build, &build.join(RECORD), &record)?;
        let target = self.environment_folder(digest);
        if target.exists() {
            // Its interpreter is gone, or it was torn by a power cut.
            let garbage = self.work_folder()?;
            fs::rename(&target, garbage.path().join("old"))?;
        }
        fs::rename(build, &target)?;
        Ok(record)
    }

    /// Waits until the environment is on disk; from then on it outlives a power cut.
    pub(super) fn settle(&self, record: EnvironmentRecord) -> io::Result<()> {
        let folder = self.environment_folder(&record.digest);
        // Thousands of files: one call for the whole file system is cheaper than one
        // for each.
        rustix::fs::syncfs(fs::File::open(&folder)?)?;
        let settled = EnvironmentRecord {
            boot: None,
            ..record
        };
        write(&folder, &folder.join(RECORD), &settled)
    }
}

/// The interpreter below an environment's folder.
pub(super) fn venv_python(folder: &Path) -> PathBuf {
    folder.join("venv/bin/python")
}

/// Writes a small file whole, by way of `folder`.
fn write(folder: &Path, path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, value)?;
    file.flush()?;
    file.persist(path)?;
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Kills the processes of builds that outlived their server, and waits for their end.
fn end_builds(work: &Path) -> io::Result<()> {
    let ended = carriers::end(BUILD_VARIABLE, |value| value == work);
    ended.map_err(|error| {
        let text = format!("processes of an earlier environment build: {error}");
        io::Error::new(error.kind(), text)
    })
}

/// Bytes of all files below `folder`.
pub(super) fn size_of(folder: &Path) -> io::Result<u64> {
    let mut total = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                total += metadata.len();
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(layout: &Layout) -> PathBuf {
        let folder = layout.work_folder().expect("a folder").keep();
        fs::create_dir_all(folder.join("venv/bin")).expect("folders");
        fs::write(venv_python(&folder), "").expect("an interpreter");
        folder
    }

    fn publish(layout: &Layout) -> EnvironmentRecord {
        let published = layout.publish(&build(layout), "d1", "3.11.7");
        published.expect("publish")
    }

    #[test]
    fn an_environment_is_there_when_it_is_whole() {
        let root = tempfile::tempdir().expect("a folder");
        let layout = Layout::open(root.path()).expect("open");
        assert_eq!(layout.environment("d1"), None);
        let record = publish(&layout);
        assert_eq!(layout.environment("d1"), Some(record.clone()));
        fs::remove_file(layout.python("d1")).expect("remove");
        assert_eq!(layout.environment("d1"), None, "its interpreter is gone");
        publish(&layout);
        assert_eq!(layout.environment("d1"), Some(record));
        let left = fs::read_dir(layout.work()).expect("read").count();
        assert_eq!(left, 0);
    }

    #[test]
    fn an_environment_outlives_a_power_cut_when_it_is_on_disk() {
        let root = tempfile::tempdir().expect("a folder");
        let layout = Layout::open(root.path()).expect("open");
        let record = EnvironmentRecord {
            boot: Some("an earlier boot".into()),
            ..publish(&layout)
        };
        let file = layout.environment_folder("d1").join(RECORD);
        write(root.path(), &file, &record).expect("write");
        assert_eq!(layout.environment("d1"), None, "it may be torn");
        layout.settle(publish(&layout)).expect("settle");
        let settled = layout.environment("d1").expect("whole");
        assert_eq!(settled.boot, None);
    }

    #[test]
    fn a_start_removes_what_builds_left() {
        let root = tempfile::tempdir().expect("a folder");
        let layout = Layout::open(root.path()).expect("open");
        let garbage = build(&layout);
        let request = RequestRecord {
            environment: "d1".into(),
            notices: vec!["n".into()],
        };
        layout.write_request("r1", &request).expect("write");
        let layout = Layout::open(root.path()).expect("again");
        assert!(!garbage.exists());
        assert_eq!(layout.request("r1"), Some(request));
        fs::write(layout.request_file("r1"), "{\"envi").expect("tear");
        assert_eq!(layout.request("r1"), None);
    }

    #[test]
    fn measures_what_it_holds() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join("a")).expect("folder");
        fs::write(root.path().join("a/b"), "12345").expect("write");
        fs::write(root.path().join("c"), "67").expect("write");
        assert_eq!(size_of(root.path()).expect("read"), 7);
    }
}
