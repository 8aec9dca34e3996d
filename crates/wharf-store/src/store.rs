//! Opening the database, reading from it, and handing jobs to its writer.

use std::{
    fs,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    str::FromStr as _,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use sqlx::{
    ConnectOptions as _, Row as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    StoreError,
    seal::SealKey,
    session::{Session, Txn},
    version::Version,
    writer::{Job, Writer},
};

/// Connections that read at once; a look-up takes microseconds.
const READERS: u32 = 4;
/// Jobs waiting for the writer before callers wait in turn.
const QUEUE: usize = 256;
/// Page cache of each connection in KiB; SQLite's own default.
const CACHE_KIB: &str = "-2000";
/// How long a statement waits for a lock that another program holds, for example
/// `sqlite3` in somebody's shell.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// The database of one data directory; cheap to clone.
#[derive(Clone)]
pub struct Store {
    readers: SqlitePool,
    jobs: mpsc::Sender<Job>,
    broken: watch::Receiver<Option<StoreError>>,
    commits: watch::Receiver<u64>,
    version: Version,
    seal: Arc<SealKey>,
}

impl Store {
    /// Opens or makes the database `file` and brings it to the newest schema.
    /// Sealed fields are opened with `seal`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the file is not a whole database;
    /// [`StoreError::Io`] and [`StoreError::Database`] when it cannot be used.
    pub async fn open(file: &Path, seal: SealKey) -> Result<Self, StoreError> {
        Self::open_waiting(file, seal, BUSY).await
    }

    pub(crate) async fn open_waiting(
        file: &Path,
        seal: SealKey,
        busy: Duration,
    ) -> Result<Self, StoreError> {
        keep_private(file)?;
        not_a_stump(file)?;
        let options = SqliteConnectOptions::from_str("sqlite:")?
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(busy)
            .pragma("cache_size", CACHE_KIB)
            .disable_statement_logging();
        let mut connection = options
            .connect()
            .await
            .map_err(|error| opening(file, error))?;
        whole(file, &mut connection, "PRAGMA quick_check(1)").await?;
        sqlx::migrate!("../../migrations/sqlite")
            .run(&mut connection)
            .await
            .map_err(|error| StoreError::Database(format!("migration: {error}")))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            // All at once: later there may be no descriptor for one.
            .min_connections(READERS)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        let seal = Arc::new(seal);
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (committed, commits) = watch::channel(0);
        let (breaks, broken) = watch::channel(None);
        let version = Version::default();
        let txn = Txn::writer(connection, Arc::clone(&seal));
        let writer = Writer::new(txn, breaks, committed, version.clone());
        tokio::spawn(writer.run(queue));
        Ok(Self {
            readers,
            jobs,
            broken,
            commits,
            version,
            seal,
        })
    }

    /// A session for look-ups.
    ///
    /// # Errors
    /// [`StoreError::Closed`] after [`Store::close`].
    pub async fn read(&self) -> Result<Session, StoreError> {
        let connection = self.readers.acquire().await?;
        Ok(Session::reader(connection, Arc::clone(&self.seal)))
    }

    /// Runs `work` in a transaction and answers when it is durably committed. When
    /// `work` fails, nothing of it stays. It runs even if the caller stops waiting,
    /// and never twice.
    ///
    /// # Errors
    /// What `work` fails with; [`StoreError`] when the commit fails.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Txn) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Job::new(work, answer);
        if self.jobs.send(job).await.is_err() {
            return Err(self.why_closed().into());
        }
        // A job that panicked was rolled back, and the panic is in the log.
        let panicked = |_| StoreError::Database("a write ended in a panic".to_owned());
        answered.await.map_err(panicked)?
    }

    fn why_closed(&self) -> StoreError {
        let why = self.broken.borrow().clone();
        why.unwrap_or_else(|| StoreError::Closed("its writer has ended".to_owned()))
    }

    /// Ends when no write can succeed any more, with the reason. Only opening the
    /// store anew helps then; what was answered is kept.
    pub async fn broken(&self) -> StoreError {
        let mut broken = self.broken.clone();
        // An error here says that the writer is gone.
        let _ = broken.wait_for(Option::is_some).await;
        self.why_closed()
    }

    /// Names the state that reads see now; `None` while a commit changes it. What was
    /// read after a version was taken is still what a read would give as long as the
    /// version is the same, since this store's writer is the only one. (A row changed
    /// by hand with another program is seen from the next commit on.)
    pub fn version(&self) -> Option<u64> {
        self.version.settled()
    }

    /// Counts the commits of this store since it was opened. A change is seen before
    /// the writes that made it are answered.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// Ends the readers. The writer ends with the last clone of the store, after
    /// the jobs that were handed to it.
    pub async fn close(&self) {
        self.readers.close().await;
    }
}

/// SQLite takes a file that is shorter than its header for a new database, so that one
/// that was cut there would be written over without a word.
fn not_a_stump(file: &Path) -> Result<(), StoreError> {
    /// Bytes of the header, sqlite.org/fileformat.html; a new file has none.
    const HEADER: std::ops::Range<u64> = 1..100;
    let metadata = fs::metadata(file)
        .map_err(|error| StoreError::io(format_args!("opening {}", file.display()), &error))?;
    match HEADER.contains(&metadata.len()) {
        true => Err(StoreError::Damaged {
            file: file.to_owned(),
            why: format!("it has {} bytes", metadata.len()),
        }),
        false => Ok(()),
    }
}

/// What is told of a database that cannot be opened.
pub(crate) fn opening(file: &Path, error: sqlx::Error) -> StoreError {
    // SQLITE_CORRUPT and SQLITE_NOTADB with their extended codes, sqlite.org/rescode.html
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(11 | 26) => StoreError::Damaged {
            file: file.to_owned(),
            why: error.to_string(),
        },
        _ => match StoreError::from(error) {
            StoreError::Database(why) => {
                StoreError::Database(format!("opening {}: {why}", file.display()))
            }
            other => other,
        },
    }
}

/// Runs one of SQLite's own checks.
///
/// # Errors
/// [`StoreError::Damaged`] when it finds something.
pub(crate) async fn whole(
    file: &Path,
    connection: &mut SqliteConnection,
    check: &'static str,
) -> Result<(), StoreError> {
    let verdict = sqlx::query(check).fetch_one(connection).await;
    let damaged = |why| StoreError::Damaged {
        file: file.to_owned(),
        why,
    };
    let verdict = verdict.map_err(|error| match StoreError::from(error) {
        closed @ StoreError::Closed(_) => closed,
        passes if passes.passes() => passes,
        other => damaged(other.to_string()),
    })?;
    let verdict: String = verdict.try_get(0)?;
    match verdict.as_str() {
        "ok" => Ok(()),
        _ => Err(damaged(verdict)),
    }
}

/// Makes the file readable for its owner alone, so that a copy of it stays so too;
/// SQLite gives its companions (`-wal`, `-shm`) the same mode.
fn keep_private(file: &Path) -> Result<(), StoreError> {
    const OWNER_ALONE: u32 = 0o600;
    let failed = |error| StoreError::io(format_args!("opening {}", file.display()), &error);
    let opened = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(OWNER_ALONE)
        .open(file)
        .map_err(failed)?;
    let mode = opened.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o777 != OWNER_ALONE {
        let private = fs::Permissions::from_mode(OWNER_ALONE);
        opened.set_permissions(private).map_err(failed)?;
    }
    Ok(())
}
