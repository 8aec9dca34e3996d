//! Opening a store to read it, and the order of the walk.

use std::{fmt, path::Path, sync::Arc};

use sqlx::{ConnectOptions as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{content, references, resources};
use crate::{BlobStore, SealKey, Session, StoreError, store};

type Result<T> = std::result::Result<T, StoreError>;

/// How much of the files is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Whether they are there, and how long they are.
    Sizes,
    /// Every byte, against the digest.
    Bytes,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The rule, a stable word such as `open-operation-without-resource`.
    pub rule: &'static str,
    /// What breaks it.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// What a walk saw.
#[derive(Debug, Default)]
pub struct Walked {
    /// What is broken.
    pub violations: Vec<Violation>,
    /// Rows that were looked at.
    pub rows: u64,
    /// Files that were looked at.
    pub files: u64,
    /// Ids of the deployments that endpoints have.
    pub deployments: Vec<uuid::Uuid>,
}

impl Walked {
    pub(super) fn broken(&mut self, rule: &'static str, what: impl Into<String>) {
        let what = what.into();
        self.violations.push(Violation { rule, what });
    }
}

/// Walks the database `file` and the folder `blobs`. Sealed fields are opened with
/// `seal`. All rows are read in one state, also while a server writes.
///
/// # Errors
/// [`StoreError::Damaged`] when the file is not a whole database, so that nothing can
/// be said of its rows; other errors when it cannot be read.
pub async fn walk(file: &Path, seal: SealKey, blobs: &Path, depth: Depth) -> Result<Walked> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .busy_timeout(store::BUSY)
        .disable_statement_logging();
    let mut connection = options
        .connect()
        .await
        .map_err(|error| store::opening(file, error))?;
    store::whole(file, &mut connection, "PRAGMA integrity_check(20)").await?;
    // One state for everything that follows.
    sqlx::query("BEGIN").execute(&mut connection).await?;
    let mut walked = Walked::default();
    foreign_keys(&mut connection, &mut walked).await?;
    let mut session = Session::alone(connection, Arc::new(seal));
    resources::walk(&mut session, &mut walked).await?;
    references::walk(&mut session, &mut walked).await?;
    let blobs = BlobStore::at(blobs);
    content::walk(&mut session, &blobs, depth, &mut walked).await?;
    walked.violations.sort();
    walked.violations.dedup();
    Ok(walked)
}

async fn foreign_keys(connection: &mut SqliteConnection, walked: &mut Walked) -> Result<()> {
    let rows = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(connection)
        .await?;
    for row in rows {
        let (table, parent): (String, String) = (row.try_get(0)?, row.try_get(2)?);
        walked.broken(
            "row-without-parent",
            format!("a row of {table} names one of {parent} that is not there"),
        );
    }
    Ok(())
}
