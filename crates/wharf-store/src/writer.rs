//! The one writer. Jobs that wait together are committed together: one fsync pays
//! for all of them, each in its own savepoint, and nobody is answered before it.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{StoreError, session::Txn, version::Version};

/// Most jobs in one commit, so that the first of them does not wait for ever.
const GROUP: usize = 64;

type Deliver = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What a job leaves: whether its writes stay, and how its caller is told.
struct Done {
    keep: bool,
    deliver: Deliver,
}

type Work = Box<dyn for<'t> FnOnce(&'t mut Txn) -> BoxFuture<'t, Done> + Send>;

/// One use case's transaction, with its caller's answer.
pub(crate) struct Job(Work);

impl Job {
    pub(crate) fn new<T, E, F>(work: F, answer: oneshot::Sender<Result<T, E>>) -> Self
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Txn) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        Self(Box::new(move |txn| {
            Box::pin(async move {
                let result = work(txn).await;
                let keep = result.is_ok();
                let deliver: Deliver = Box::new(move |committed| {
                    let result = match committed {
                        Err(error) if keep => Err(E::from(error)),
                        _ => result,
                    };
                    // Nobody waits any more: the work is done all the same.
                    let _ = answer.send(result);
                });
                Done { keep, deliver }
            })
        }))
    }
}

pub(crate) struct Writer {
    txn: Txn,
    /// Why no more writes are taken. After a failed commit the page cache of the
    /// kernel may differ from the disk; only a restart reads what is there.
    broken: Option<StoreError>,
    committed: watch::Sender<u64>,
    version: Version,
}

impl Writer {
    pub(crate) fn new(txn: Txn, committed: watch::Sender<u64>, version: Version) -> Self {
        Self {
            txn,
            broken: None,
            committed,
            version,
        }
    }

    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(GROUP);
        while queue.recv_many(&mut jobs, GROUP).await > 0 {
            self.group(jobs.drain(..)).await;
        }
    }

    async fn group(&mut self, jobs: impl Iterator<Item = Job>) {
        if let Err(error) = self.begin().await {
            tracing::error!(%error, "no transaction could be begun");
            for job in jobs {
                // The job is not run; dropping it tells its caller.
                drop(job);
            }
            return;
        }
        let mut done = Vec::with_capacity(GROUP);
        for job in jobs {
            done.extend(self.one(job).await);
        }
        self.version.commit_begins();
        let committed = self.commit().await;
        self.version.commit_ended();
        // Also after an error: what reached the file is then unknown.
        self.committed.send_modify(|count| *count += 1);
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = done.len(), "a commit failed");
        }
        for deliver in done {
            deliver(committed.clone());
        }
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        self.statement("BEGIN IMMEDIATE").await
    }

    async fn one(&mut self, job: Job) -> Option<Deliver> {
        if self.statement("SAVEPOINT job").await.is_err() {
            return None;
        }
        // A panic of a job ends the job and not the writer.
        let done = AssertUnwindSafe((job.0)(&mut self.txn))
            .catch_unwind()
            .await;
        let keep = done.as_ref().is_ok_and(|done| done.keep);
        if !keep && let Err(error) = self.statement("ROLLBACK TO job").await {
            self.broken = Some(StoreError::Closed(format!("a failed rollback: {error}")));
        }
        if let Err(error) = self.statement("RELEASE job").await {
            self.broken = Some(StoreError::Closed(format!("a lost savepoint: {error}")));
        }
        done.ok().map(|done| done.deliver)
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        if let Some(broken) = &self.broken {
            let broken = broken.clone();
            let _ = self.statement("ROLLBACK").await;
            return Err(broken);
        }
        let Err(error) = self.statement("COMMIT").await else {
            return Ok(());
        };
        if error.is_fatal_for_commits() {
            self.broken = Some(StoreError::Closed(format!("a failed commit: {error}")));
        }
        let _ = self.statement("ROLLBACK").await;
        Err(error)
    }

    async fn statement(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::query(sql).execute(self.txn.db()).await?;
        Ok(())
    }
}
