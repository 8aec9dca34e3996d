//! Where a server keeps its state, and the files in it that others read.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::error::CliError;

/// How the name of a replaced key begins; the second of its end follows.
const REPLACED: &str = "token.replaced-";
const KEY: &str = ".key";

/// Which data directory.
#[derive(Debug, Clone, Default, Args)]
pub struct HomeArgs {
    /// Folder that holds all state of a server [default: ~/.wharf]
    #[arg(long, env = "WHARF_HOME", value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
}

impl HomeArgs {
    /// The data directory that is meant.
    ///
    /// # Errors
    /// When none is given and the user has no home directory.
    pub fn data_dir(&self) -> Result<DataDir, CliError> {
        if let Some(dir) = &self.data_dir {
            if dir.as_os_str().is_empty() {
                return Err(CliError::usage("`--data-dir` (or `WHARF_HOME`) is empty"));
            }
            // Relative paths would mean something else in each shell.
            let absolute = std::path::absolute(dir).map_err(|error| {
                CliError::failed(format!("cannot tell where `{}` is: {error}", dir.display()))
            })?;
            return Ok(DataDir::new(absolute));
        }
        match std::env::home_dir().filter(|home| home.is_absolute()) {
            Some(home) => Ok(DataDir::new(home.join(".wharf"))),
            None => Err(
                CliError::failed("there is no home directory to hold `.wharf`")
                    .with_hint("say where with `--data-dir` or `WHARF_HOME`"),
            ),
        }
    }
}

/// A data directory: what lies where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// `root` is absolute.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Locked by the server that runs; holds its process id.
    pub fn lock(&self) -> PathBuf {
        self.root.join("server.lock")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.root.join("wharf.db")
    }

    /// Folder of keys and of the administrator's secret.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The key that signs tokens.
    pub fn token_key(&self) -> PathBuf {
        self.keys().join("token.key")
    }

    /// Where [`DataDir::token_key`] goes when it is replaced at `now`.
    pub fn replaced_token_key(&self, now: Timestamp) -> PathBuf {
        let name = format!("{REPLACED}{}{KEY}", now.as_second());
        self.keys().join(name)
    }

    /// The keys that signed tokens before, and when each was replaced.
    pub fn replaced_token_keys(&self) -> Vec<(PathBuf, Timestamp)> {
        let entries = std::fs::read_dir(self.keys()).into_iter().flatten();
        let mut found: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let second = name.to_str()?.strip_prefix(REPLACED)?.strip_suffix(KEY)?;
                let at = Timestamp::from_second(second.parse().ok()?).ok()?;
                Some((entry.path(), at))
            })
            .collect();
        found.sort();
        found
    }

    /// Folder of certificates.
    pub fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// Certificate of Wharf's own CA.
    pub fn ca(&self) -> PathBuf {
        self.tls().join("ca.pem")
    }

    /// The server's certificate and key.
    pub fn leaf(&self) -> PathBuf {
        self.tls().join("server.json")
    }

    /// The system's CAs and Wharf's own.
    pub fn ca_bundle(&self) -> PathBuf {
        self.root.join("ca-bundle.pem")
    }

    /// The first administrator and workspace; see [`crate::AdminFile`].
    pub fn admin(&self) -> PathBuf {
        self.root.join("admin.json")
    }

    /// The lines of `wharf env`.
    pub fn env(&self) -> PathBuf {
        self.root.join("env.sh")
    }

    /// The file that `Workspace.from_config` of the SDKs reads.
    pub fn workspace_config(&self) -> PathBuf {
        self.root.join("config.json")
    }

    /// Folder that Azure's clients keep their files in instead of `~/.azure`.
    pub fn azure(&self) -> PathBuf {
        self.root.join("azure")
    }
}
