//! How a scorer ends when it does not end well.

use std::{io, path::PathBuf};

/// Why a scorer ended.
#[derive(Debug, thiserror::Error)]
pub enum ScorerError {
    /// The configuration cannot be used.
    #[error("the configuration {}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The script could not be loaded, or its workers keep dying.
    #[error("{message}")]
    Failed {
        /// The last line of the traceback, and a hint.
        message: String,
    },
}

impl ScorerError {
    /// Exit code of the process: 3 when the script failed, as Azure's server has
    /// it; 1 for everything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed { .. } => 3,
            Self::Config { .. } | Self::Io { .. } => 1,
        }
    }

    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }
}
