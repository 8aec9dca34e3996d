//! The tree and what cargo knows about it.

use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{Metadata, MetadataCommand};

/// Why a chore could not be done at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChoreError {
    #[error("cargo metadata: {0}")]
    Metadata(#[from] cargo_metadata::Error),
    #[error("git ls-files failed: {0}")]
    Git(String),
    #[error("bench: {0}")]
    Bench(String),
    #[error("cargo tree failed: {0}")]
    Tree(String),
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("deny.toml: {0}")]
    Policy(#[from] toml::de::Error),
}

/// The repository.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) metadata: Metadata,
    /// Every file that git tracks or would track.
    pub(crate) files: Vec<TextFile>,
}

/// A file with its text; bytes that are no UTF-8 are left out.
#[derive(Debug, Clone)]
pub(crate) struct TextFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Tests, their tables and samples: some rules do not bind them.
    pub(crate) fn is_test(&self) -> bool {
        let stem = self.path.rsplit('/').next().unwrap_or_default();
        self.path.contains("/tests/")
            || self.path.starts_with("e2e/")
            || stem == "tests.rs"
            || stem.ends_with("_tests.rs")
    }

    /// The crate it belongs to, by its folder.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path
            .strip_prefix("crates/")
            .and_then(|rest| rest.split('/').next())
    }

    /// Lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }
}

impl Workspace {
    pub(crate) fn load() -> Result<Self, ChoreError> {
        let metadata = MetadataCommand::new()
            .other_options(vec!["--locked".to_owned()])
            .exec()?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let files = tracked(&root)?;
        Ok(Self {
            root,
            metadata,
            files,
        })
    }

    /// Name and version of each crate that is really compiled, as `cargo tree` says
    /// it. Metadata alone would count crates of features that nobody turns on.
    pub(crate) fn built(
        &self,
        selection: &[&str],
    ) -> Result<BTreeSet<(String, String)>, ChoreError> {
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let output = Command::new(cargo)
            .args(["tree", "--locked", "--prefix", "none", "--format", "{p}"])
            .args(selection)
            .current_dir(&self.root)
            .output()
            .map_err(|error| ChoreError::Tree(error.to_string()))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ChoreError::Tree(message));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter_map(name_and_version).collect())
    }
}

/// Reads `serde v1.0.229 (proc-macro)`.
fn name_and_version(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some((name.to_owned(), version.to_owned()))
}

fn tracked(root: &Path) -> Result<Vec<TextFile>, ChoreError> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(root)
        .output()
        .map_err(|error| ChoreError::Git(error.to_string()))?;
    if !listed.status.success() {
        let message = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
        return Err(ChoreError::Git(message));
    }
    let mut files = Vec::new();
    for path in listed.stdout.split(|byte| *byte == 0) {
        let path = String::from_utf8_lossy(path).into_owned();
        let full = root.join(&path);
        // Deleted but not yet committed, or a link.
        if path.is_empty() || !full.is_file() || full.is_symlink() {
            continue;
        }
        let bytes = fs::read(&full).map_err(|source| ChoreError::File { path: full, source })?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(TextFile { path, text });
        }
    }
    Ok(files)
}
