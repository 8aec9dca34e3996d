//! What can go wrong with the store.

use std::{io::ErrorKind, path::PathBuf};

use wharf_core::{Error, quota::OverQuota};

/// An error of the store. Nothing in it is for clients but the split that
/// [`From`] makes: safe to try again, or our bug.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A unique or foreign key stands in the way.
    #[error("constraint: {0}")]
    Constraint(String),
    /// A workspace would use more than it may.
    #[error("{0}")]
    Quota(OverQuota),
    /// The disk is full.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The disk took no write, or no more files can be opened. Nothing of it was done,
    /// and it may pass.
    #[error("the disk cannot be used now: {0}")]
    Away(String),
    /// Another program, or the other readers, hold the database for longer than is waited.
    #[error("the database is held: {0}")]
    Busy(String),
    /// The database undid the transaction, because another write of it failed.
    #[error("the database rolled the transaction back: {0}")]
    RolledBack(String),
    /// The file is not a whole database any more.
    #[error("{} is damaged: {why}", file.display())]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What the check said.
        why: String,
    },
    /// The store was closed, or refuses writes after a failed commit.
    #[error("the store takes no writes: {0}")]
    Closed(String),
    /// A row does not hold what it should.
    #[error("a stored value cannot be read: {0}")]
    Unreadable(String),
    /// Input or output of files failed.
    #[error("{0}")]
    Io(String),
    /// Anything else that the database said.
    #[error("database: {0}")]
    Database(String),
}

impl StoreError {
    /// An I/O error with what was tried, for example `writing /a/b`.
    pub(crate) fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        // errno(3): the machine's fault, for as long as it lasts, and not ours.
        const EIO: i32 = 5;
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        let text = format!("{what}: {error}");
        match (error.kind(), error.raw_os_error()) {
            (ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _) => Self::Full(text),
            (ErrorKind::ReadOnlyFilesystem, _) | (_, Some(EIO | ENFILE | EMFILE)) => {
                Self::Away(text)
            }
            _ => Self::Io(text),
        }
    }

    /// Whether a commit that failed so leaves doubt about what is on the disk.
    pub(crate) fn is_fatal_for_commits(&self) -> bool {
        !matches!(self, Self::Constraint(_)) && !self.passes()
    }

    /// Whether nothing was done and trying again may help. A write of SQLite's log that
    /// failed is such: the log's index still ends at the last commit, so that the next
    /// one takes the same place. A sync that failed is not.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Away(_) | Self::Busy(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database)
                if database.is_unique_violation() || database.is_foreign_key_violation() =>
            {
                Self::Constraint(database.message().to_owned())
            }
            // SQLITE_FULL, sqlite.org/rescode.html
            sqlx::Error::Database(database) if database.code().as_deref() == Some("13") => {
                Self::Full(database.message().to_owned())
            }
            // SQLITE_READONLY, SQLITE_CANTOPEN and SQLITE_IOERR_WRITE.
            sqlx::Error::Database(database)
                if database
                    .code()
                    .and_then(|code| code.parse::<u32>().ok())
                    .is_some_and(|code| matches!(code, 8 | 778) || code & 0xff == 14) =>
            {
                Self::Away(database.message().to_owned())
            }
            // SQLITE_BUSY with its extended codes, whose low byte is the same.
            sqlx::Error::Database(database)
                if database
                    .code()
                    .and_then(|code| code.parse::<u32>().ok())
                    .is_some_and(|code| code & 0xff == 5) =>
            {
                Self::Busy(database.message().to_owned())
            }
            // All connections are in use, or none can be opened now.
            sqlx::Error::PoolTimedOut => Self::Busy(error.to_string()),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed(error.to_string()),
            _ => Self::Database(error.to_string()),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let inside = error.to_string();
        match error {
            StoreError::Quota(over) => Self::QuotaExceeded(over),
            StoreError::Full(_)
            | StoreError::Away(_)
            | StoreError::Closed(_)
            | StoreError::Busy(_)
            | StoreError::RolledBack(_) => Self::Unavailable {
                what: "the store",
                inside,
            },
            _ => Self::Internal { inside },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_without_a_free_connection_is_a_reason_to_try_again() {
        let error = StoreError::from(sqlx::Error::PoolTimedOut);
        assert!(error.passes());
        assert!(matches!(Error::from(error), Error::Unavailable { .. }));
    }
}
