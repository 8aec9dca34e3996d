//! Why a server does not start.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use wharf_store::StoreError;

/// Why a server does not start, or ends by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// Another server uses the directory.
    #[error("{} is used by another server{}", directory.display(), pid_text(*pid))]
    InUse {
        directory: PathBuf,
        pid: Option<u32>,
    },
    /// Something with a file.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A file is there and does not hold what it should.
    #[error("{} cannot be used: {why}", path.display())]
    Unusable { path: PathBuf, why: String },
    /// A setting that cannot be meant.
    #[error("{option}: {why}")]
    Setting { option: &'static str, why: String },
    /// A port that is taken, an address that is not ours.
    #[error("cannot listen on {address} ({option}): {source}")]
    Listen {
        option: &'static str,
        address: SocketAddr,
        source: io::Error,
    },
    /// The domain's own words.
    #[error("{0}")]
    Domain(String),
    /// What the store says.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A part that was joined does not do what it should.
    #[error("{0}")]
    Part(String),
    /// A second signal while stopping.
    #[error("ended by a second signal before everything was stopped")]
    Hurried,
}

fn pid_text(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" with process id {pid}"))
}

impl StartError {
    pub(crate) fn file(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File {
            what,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn unusable(path: &Path, why: impl std::fmt::Display) -> Self {
        Self::Unusable {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }

    /// The process ends with it: 2 for a command line that makes no sense, as the
    /// rest of the program has it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Setting { .. } => 2,
            _ => 1,
        }
    }

    /// What the person at the shell can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::InUse { pid: Some(pid), .. } => Some(format!(
                "stop it with `kill {pid}`, or give this server a directory of its own with \
                 `--data-dir`"
            )),
            Self::InUse { pid: None, .. } => {
                Some("give this server a directory of its own with `--data-dir`".to_owned())
            }
            Self::Listen { option, source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some(format!(
                    "another program listens there; choose another port with `{option}`, 0 takes a \
                 free one"
                ))
            }
            Self::Unusable { .. } => {
                Some("restore the file from a backup of the data directory".to_owned())
            }
            Self::Store(error) => damage_hint(error),
            _ => None,
        }
    }
}

impl From<wharf_core::Error> for StartError {
    fn from(error: wharf_core::Error) -> Self {
        // At the start there is nobody else to tell the inside to.
        Self::Domain(match error {
            wharf_core::Error::Internal { inside } => inside,
            wharf_core::Error::Unavailable { what, inside } => format!("{what}: {inside}"),
            other => other.to_string(),
        })
    }
}

/// What to do about a store that cannot be used as it is.
pub(crate) fn damage_hint(error: &StoreError) -> Option<String> {
    match error {
        StoreError::Damaged { .. } => Some(
            "restore the whole data directory from a copy that was made while the server was \
             stopped; the guide `docs/guides/damaged-store.md` says what else can be done"
                .to_owned(),
        ),
        StoreError::Full(_) => Some("make room on the disk and start again".to_owned()),
        _ => None,
    }
}
