//! The writer when the database refuses: what callers are told, and what stays.

use std::{path::Path, time::Duration};

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use wharf_core::Error;

use crate::{SealKey, Store, StoreError};

/// Short, so that a test need not wait for the usual time.
const BUSY: Duration = Duration::from_millis(50);

async fn open(folder: &TempDir) -> Store {
    let seal = SealKey::new(&[7; 32]).expect("a key");
    Store::open_waiting(&folder.path().join("wharf.db"), seal, BUSY)
        .await
        .expect("a database")
}

async fn other_program(file: &Path) -> sqlx::SqliteConnection {
    SqliteConnectOptions::new()
        .filename(file)
        .connect()
        .await
        .expect("a second connection")
}

async fn put(store: &Store, key: &'static str) -> Result<(), StoreError> {
    store
        .write(move |txn| Box::pin(async move { txn.meta_put(key, b"value").await }))
        .await
}

async fn keys_there(store: &Store, keys: &[&'static str]) -> Vec<&'static str> {
    let mut session = store.read().await.expect("a session");
    let mut there = Vec::new();
    for key in keys {
        let found = session.meta_get(key).await.expect("read");
        there.extend(found.map(|_| *key));
    }
    there
}

/// Keeps the writer in a job of its own until the sender is used, so that all jobs
/// that are handed over meanwhile are one group.
async fn hold(store: &Store) -> (oneshot::Sender<()>, JoinHandle<Result<(), StoreError>>) {
    let (release, released) = oneshot::channel::<()>();
    let (begun, begins) = oneshot::channel();
    let store = store.clone();
    let task = tokio::spawn(async move {
        store
            .write::<_, StoreError, _>(move |_| {
                Box::pin(async move {
                    let _ = begun.send(());
                    let _ = released.await;
                    Ok(())
                })
            })
            .await
    });
    begins.await.expect("the job runs");
    (release, task)
}

#[tokio::test]
async fn a_group_that_the_database_rolled_back_leaves_nothing() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).await;
    let mut other = other_program(&folder.path().join("wharf.db")).await;
    // What SQLite does by itself when the disk is full.
    sqlx::raw_sql(
        "CREATE TRIGGER fails BEFORE INSERT ON meta WHEN NEW.key = 'bad'
         BEGIN SELECT RAISE (ROLLBACK, 'no room'); END",
    )
    .execute(&mut other)
    .await
    .expect("a trigger");
    let (release, held) = hold(&store).await;
    // Polled in this order, and the queue keeps it.
    let group = async {
        tokio::join!(
            biased;
            put(&store, "before"),
            put(&store, "bad"),
            put(&store, "after"),
            put(&store, "last"),
            async { release.send(()).expect("the writer waits") },
        )
    };
    let (before, bad, after, last, ()) = group.await;
    held.await.expect("no panic").expect("an empty write");
    let bad = bad.expect_err("refused").to_string();
    assert!(bad.contains("no room"), "{bad}");
    for answer in [before, after, last] {
        let error = answer.expect_err("rolled back with the group");
        assert!(matches!(error, StoreError::RolledBack(_)), "{error}");
        assert!(matches!(Error::from(error), Error::Unavailable { .. }));
    }
    assert!(
        keys_there(&store, &["before", "bad", "after", "last"])
            .await
            .is_empty()
    );
    // Nothing is in doubt, so that the writer goes on.
    put(&store, "next").await.expect("written");
    assert_eq!(keys_there(&store, &["next"]).await, ["next"]);
}

#[tokio::test]
async fn a_database_held_by_another_program_is_unavailable_for_a_while() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).await;
    let mut other = other_program(&folder.path().join("wharf.db")).await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.expect("the lock");
    let error = put(&store, "early").await.expect_err("locked out");
    assert!(matches!(error, StoreError::Busy(_)), "{error}");
    assert!(matches!(Error::from(error), Error::Unavailable { .. }));
    lock.rollback().await.expect("the lock is given back");
    put(&store, "late").await.expect("written");
    assert_eq!(keys_there(&store, &["early", "late"]).await, ["late"]);
}

#[tokio::test]
async fn a_commit_in_doubt_ends_the_writer_for_good() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).await;
    put(&store, "first").await.expect("written");
    let refused = store
        .write::<(), StoreError, _>(|txn| {
            Box::pin(async move {
                txn.meta_put("lost", b"value").await?;
                let mut handle = txn.db().lock_handle().await?;
                handle.set_commit_hook(|| false);
                Ok(())
            })
        })
        .await;
    assert!(
        matches!(refused, Err(StoreError::Database(_))),
        "{refused:?}"
    );
    let why = store.broken().await.to_string();
    assert!(why.contains("a failed commit"), "{why}");
    let error = put(&store, "more").await.expect_err("no more writes");
    assert_eq!(error.to_string(), why);
    assert!(matches!(Error::from(error), Error::Unavailable { .. }));
    assert_eq!(
        keys_there(&store, &["first", "lost", "more"]).await,
        ["first"]
    );
    // A restart helps.
    store.close().await;
    drop(store);
    let store = open(&folder).await;
    put(&store, "again").await.expect("written");
}

#[tokio::test]
async fn a_write_that_panics_is_our_bug_and_nobody_elses() {
    let folder = TempDir::new().expect("a folder");
    let store = open(&folder).await;
    let refused = store
        .write::<(), StoreError, _>(|_| Box::pin(async { panic!("a write that panics") }))
        .await;
    let error = refused.expect_err("no answer");
    assert!(matches!(Error::from(error), Error::Internal { .. }));
    put(&store, "next").await.expect("written");
}
