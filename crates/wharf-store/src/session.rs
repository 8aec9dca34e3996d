//! What reads and writes go through.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use sqlx::{Sqlite, SqliteConnection, pool::PoolConnection};

use crate::seal::SealKey;

enum Connection {
    Alone(SqliteConnection),
    Reader(PoolConnection<Sqlite>),
}

/// A connection that reads. All reads of one session see one state only inside a
/// transaction; a reader's session is for single look-ups.
pub struct Session {
    connection: Connection,
    pub(crate) seal: Arc<SealKey>,
}

impl Session {
    pub(crate) fn reader(connection: PoolConnection<Sqlite>, seal: Arc<SealKey>) -> Self {
        Self {
            connection: Connection::Reader(connection),
            seal,
        }
    }

    /// Over a connection that nobody else uses.
    pub(crate) fn alone(connection: SqliteConnection, seal: Arc<SealKey>) -> Self {
        Self {
            connection: Connection::Alone(connection),
            seal,
        }
    }

    pub(crate) fn db(&mut self) -> &mut SqliteConnection {
        match &mut self.connection {
            Connection::Alone(connection) => connection,
            Connection::Reader(connection) => connection,
        }
    }
}

/// The transaction under way: everything that a session reads, and all writes.
pub struct Txn(Session);

impl Txn {
    pub(crate) fn writer(connection: SqliteConnection, seal: Arc<SealKey>) -> Self {
        Self(Session::alone(connection, seal))
    }
}

impl Deref for Txn {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl DerefMut for Txn {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.0
    }
}
