//! The one writer. Jobs that wait together are committed together: one fsync pays
//! for all of them, each in its own savepoint, and nobody is answered before it.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{StoreError, fault::FaultPoint, session::Txn, version::Version};

/// Most jobs in one commit, so that the first of them does not wait for ever.
const GROUP: usize = 64;

type Deliver = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What a job leaves: whether its writes stay, and how its caller is told.
struct Done {
    keep: bool,
    deliver: Deliver,
}

trait Work: Send {
    fn run(self: Box<Self>, txn: &mut Txn) -> BoxFuture<'_, Done>;
    /// Tells the caller why the job was not run.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Pending<F, T, E> {
    work: F,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Work for Pending<F, T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: for<'t> FnOnce(&'t mut Txn) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
{
    fn run(self: Box<Self>, txn: &mut Txn) -> BoxFuture<'_, Done> {
        let Self { work, answer } = *self;
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
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let _ = self.answer.send(Err(E::from(error)));
    }
}

/// One use case's transaction, with its caller's answer.
pub(crate) struct Job(Box<dyn Work>);

impl Job {
    pub(crate) fn new<T, E, F>(work: F, answer: oneshot::Sender<Result<T, E>>) -> Self
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Txn) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        Self(Box::new(Pending { work, answer }))
    }
}

/// Whether the writer can go on after a group.
type GoesOn = Result<(), StoreError>;

pub(crate) struct Writer {
    txn: Txn,
    /// Told once, when no more writes are taken, and why.
    broken: watch::Sender<Option<StoreError>>,
    committed: watch::Sender<u64>,
    version: Version,
}

impl Writer {
    pub(crate) fn new(
        txn: Txn,
        broken: watch::Sender<Option<StoreError>>,
        committed: watch::Sender<u64>,
        version: Version,
    ) -> Self {
        Self {
            txn,
            broken,
            committed,
            version,
        }
    }

    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(GROUP);
        while queue.recv_many(&mut jobs, GROUP).await > 0 {
            if let Err(error) = self.group(jobs.drain(..)).await {
                tracing::error!(%error, "no more writes are taken");
                self.broken.send_replace(Some(error.clone()));
                queue.close();
                while let Some(job) = queue.recv().await {
                    job.0.refuse(error.clone());
                }
                return;
            }
        }
    }

    async fn group(&mut self, mut jobs: impl Iterator<Item = Job>) -> GoesOn {
        if let Err(error) = self.statement("BEGIN IMMEDIATE").await {
            tracing::error!(%error, "no transaction could be begun");
            // Another program holds the lock, or the disk is full.
            let passes = error.passes();
            let error = match passes {
                true => error,
                false => StoreError::Closed(format!("no transaction can be begun: {error}")),
            };
            jobs.for_each(|job| job.0.refuse(error.clone()));
            return if passes { Ok(()) } else { Err(error) };
        }
        FaultPoint::WriterBegun.reach();
        let mut done = Vec::with_capacity(GROUP);
        let mut whole = Ok(());
        for job in jobs.by_ref() {
            whole = self.one(job, &mut done).await;
            FaultPoint::WriterJobDone.reach();
            if whole.is_err() {
                break;
            }
        }
        let (outcome, goes_on) = match whole {
            // Outside of a transaction each statement would commit by itself, so
            // that nothing more of the group may run.
            Err(error) => {
                let _ = self.statement("ROLLBACK").await;
                (Err(error), Ok(()))
            }
            Ok(()) => {
                self.version.commit_begins();
                FaultPoint::WriterCommitting.reach();
                let ended = self.commit().await;
                FaultPoint::WriterCommitted.reach();
                self.version.commit_ended();
                // Also after an error: what reached the file is then unknown.
                self.committed.send_modify(|count| *count += 1);
                ended
            }
        };
        if let Err(error) = &outcome {
            tracing::error!(%error, jobs = done.len(), "a group of writes failed");
            jobs.for_each(|job| job.0.refuse(error.clone()));
        }
        for deliver in done {
            deliver(outcome.clone());
        }
        goes_on
    }

    /// Runs one job in its savepoint. An error says that the transaction is gone.
    async fn one(&mut self, job: Job, done: &mut Vec<Deliver>) -> Result<(), StoreError> {
        if let Err(error) = self.statement("SAVEPOINT job").await {
            job.0.refuse(error.clone());
            return Err(error);
        }
        // A panic of a job ends the job and not the writer.
        let ran = AssertUnwindSafe(job.0.run(&mut self.txn))
            .catch_unwind()
            .await;
        let mut keep = ran.as_ref().is_ok_and(|ran| ran.keep);
        let mut deliver = ran.ok().map(|ran| ran.deliver);
        if keep {
            let over = match self.txn.usage_over().await {
                Ok(None) => None,
                Ok(Some(over)) => Some(StoreError::Quota(over)),
                Err(error) => Some(error),
            };
            if let Some(refused) = over {
                // The job did its work, and nothing of it stays.
                keep = false;
                deliver =
                    deliver.map(|deliver| -> Deliver { Box::new(move |_| deliver(Err(refused))) });
            }
        }
        done.extend(deliver);
        // After some errors (a full disk, one of input or output) SQLite rolls the
        // whole transaction back by itself, savepoints and all:
        // sqlite.org/lang_transaction.html, section 3.
        let lost = |error| StoreError::RolledBack(format!("{error}"));
        if !keep {
            self.statement("ROLLBACK TO job").await.map_err(lost)?;
        }
        self.statement("RELEASE job").await.map_err(lost)
    }

    /// What the callers are told, and whether the writer goes on. After a commit that
    /// failed for no known reason the page cache of the kernel may differ from the
    /// disk; only a restart reads what is there.
    async fn commit(&mut self) -> (Result<(), StoreError>, GoesOn) {
        let Err(error) = self.statement("COMMIT").await else {
            return (Ok(()), Ok(()));
        };
        let _ = self.statement("ROLLBACK").await;
        let goes_on = match error.is_fatal_for_commits() {
            true => Err(StoreError::Closed(format!("a failed commit: {error}"))),
            false => Ok(()),
        };
        (Err(error), goes_on)
    }

    async fn statement(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::query(sql).execute(self.txn.db()).await?;
        Ok(())
    }
}
