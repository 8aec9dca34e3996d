//! What lies where on disk, and small files written whole.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wharf_core::deployment::WorkloadKey;

use super::fault::FaultPoint;

/// The folder of one workload.
#[derive(Debug, Clone)]
pub(super) struct WorkloadFolder(PathBuf);

impl WorkloadFolder {
    pub(super) fn new(root: &Path, key: &WorkloadKey) -> Self {
        Self(root.join(key.to_string()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What was asked for; see [`super::stored`].
    pub(super) fn workload(&self) -> PathBuf {
        self.0.join("workload.json")
    }

    /// How many replicas: a [`Scale`].
    pub(super) fn scale(&self) -> PathBuf {
        self.0.join("scale.json")
    }

    /// Which boot of the machine the application folder is from: a [`Staged`].
    pub(super) fn staged(&self) -> PathBuf {
        self.0.join("staged.json")
    }

    /// The application folder.
    pub(super) fn app(&self) -> PathBuf {
        self.0.join("app")
    }

    pub(super) fn replica(&self, index: u32) -> ReplicaFolder {
        ReplicaFolder(self.0.join(format!("replica-{index}")))
    }

    /// Numbers of the replicas that have a folder, in order.
    pub(super) fn replicas(&self) -> io::Result<Vec<u32>> {
        let mut indices = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let index = name.to_str().and_then(|it| it.strip_prefix("replica-"));
            indices.extend(index.and_then(|it| it.parse::<u32>().ok()));
        }
        indices.sort_unstable();
        Ok(indices)
    }
}

/// The folder of one replica.
#[derive(Debug, Clone)]
pub(super) struct ReplicaFolder(PathBuf);

impl ReplicaFolder {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What the scorer is started with.
    pub(super) fn config(&self) -> PathBuf {
        self.0.join("config.json")
    }

    /// What the scorer says of itself: a [`ScorerState`].
    pub(super) fn state(&self) -> PathBuf {
        self.0.join("state.json")
    }

    /// Which process it is: a [`super::process::ProcessRecord`].
    pub(super) fn process(&self) -> PathBuf {
        self.0.join("process.json")
    }

    /// The scorer's log; it rotates it to `replica.log.1` and so on.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("replica.log")
    }

    /// What the scorer itself prints before or beside its log.
    pub(super) fn output(&self) -> PathBuf {
        self.0.join("output.log")
    }
}

/// The number of replicas that there should be.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Scale {
    pub(super) wanted: u32,
}

/// After a power cut the application folder may hold less than was written; then
/// it is made again, which is cheaper than forcing every file to disk each time.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Staged {
    pub(super) boot: String,
}

/// What a scorer says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct ScorerState {
    pub(super) phase: ScorerPhase,
    #[serde(default)]
    pub(super) message: Option<String>,
}

impl ScorerState {
    /// Why it failed, in one line.
    pub(super) fn reason(self) -> String {
        self.message
            .unwrap_or_else(|| "the scorer failed; its log says more".to_owned())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ScorerPhase {
    Starting,
    Ready,
    Failed,
}

/// Largest of the small files, in bytes. The scorer's state is written by a
/// process that runs a stranger's code.
const LARGEST: u64 = 16 << 20;

/// Reads a small file; `None` when it is not there.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, LARGEST), &mut text)?;
    let value = serde_json::from_slice(&text);
    value
        .map(Some)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes a small file so that a reader, also one after a crash of this server,
/// sees the old content or the new one. It is not forced to disk: after a power cut
/// no replica runs, a torn file counts as none, and the workload is asked for again
/// by whoever wants it.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    serde_json::to_writer(&mut file, value)?;
    file.flush()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Makes a file, and the folders above it, that nobody is to write to again.
pub(super) fn create_file(
    dir: &Dir,
    path: &str,
    is_executable: bool,
) -> io::Result<impl io::Write> {
    if let Some((parent, _)) = path.rsplit_once('/') {
        dir.create_dir_all(parent)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options.mode(if is_executable { 0o555 } else { 0o444 });
    dir.open_with(path, &options)
}

/// Deletes a file; fine when it is not there.
pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Moves a folder out of sight and deletes it; fine when it is not there. A crash
/// in between leaves a `.trash-` folder, which the next start deletes.
pub(super) fn discard(root: &Path, path: &Path) -> io::Result<()> {
    let trash = root.join(format!(".trash-{}", uuid::Uuid::new_v4().simple()));
    match fs::rename(path, &trash) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            FaultPoint::WorkloadTrashed.reach();
            fs::remove_dir_all(&trash)?;
            FaultPoint::WorkloadGone.reach();
            Ok(())
        }
    }
}
