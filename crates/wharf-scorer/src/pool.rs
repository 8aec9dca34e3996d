//! N workers behind one queue. Each slot of the pool is a task that keeps one
//! worker alive: it starts it, hands it one request at a time, and starts another
//! one when it dies, a little later each time it dies young.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

use crate::{
    state::{Phase, StateFile},
    worker::{Answer, Call, CallError, Plan, Ready, StartError, Worker},
};

/// A worker that lived this long did not die young.
const GROWN: Duration = Duration::from_secs(30);
/// First pause before a restart; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After so many failed restarts in a row, with no other worker left, the replica
/// gives up: a new one may do better elsewhere.
const MOST_FAILURES: u32 = 5;
/// Pieces of a stream between the worker and the client.
const PIECES: usize = 4;
/// How long a request waits for a worker to come back.
const RETURN: Duration = Duration::from_secs(10);

/// Why a request was not run, or has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("The model is still loading.")]
    Loading,
    #[error("No worker came back in time. Check the logs for more info.")]
    Gone,
    #[error(transparent)]
    Call(#[from] CallError),
}

struct Job {
    call: Call,
    answer: oneshot::Sender<Result<Answer, CallError>>,
}

/// The workers of one replica.
pub(crate) struct Pool {
    jobs: mpsc::Sender<Job>,
    ready: watch::Receiver<usize>,
    facts: Arc<Mutex<Option<Ready>>>,
}

/// What the slots share.
struct Shared {
    plan: Plan,
    state: Arc<StateFile>,
    jobs: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    ready: watch::Sender<usize>,
    facts: Arc<Mutex<Option<Ready>>>,
    failed: mpsc::UnboundedSender<String>,
}

impl Pool {
    /// Starts all workers at once. The receiver gets a message when the replica
    /// has to give up.
    pub(crate) fn start(
        plan: Plan,
        state: Arc<StateFile>,
    ) -> (Self, mpsc::UnboundedReceiver<String>, Slots) {
        let workers = plan.config.workers;
        let (jobs, queue) = mpsc::channel(workers as usize);
        let (ready, is_ready) = watch::channel(0);
        let (failed, failures) = mpsc::unbounded_channel();
        let facts = Arc::new(Mutex::new(None));
        let shared = Arc::new(Shared {
            plan,
            state,
            jobs: tokio::sync::Mutex::new(queue),
            ready,
            facts: Arc::clone(&facts),
            failed,
        });
        let (end, ended) = watch::channel(());
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            tasks.spawn(slot(Arc::clone(&shared), ended.clone()));
        }
        let pool = Self {
            jobs,
            ready: is_ready,
            facts,
        };
        (pool, failures, Slots { tasks, end })
    }

    /// Whether a worker has finished `init` and lives.
    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow() > 0
    }

    /// What the first worker said of the script; `None` before that.
    pub(crate) fn facts(&self) -> Option<Ready> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.clone()
    }

    /// Runs one request on the next free worker.
    pub(crate) async fn run(&self, call: Call) -> Result<Answer, PoolError> {
        if self.facts().is_none() {
            return Err(PoolError::Loading);
        }
        let mut ready = self.ready.clone();
        let back = tokio::time::timeout(RETURN, ready.wait_for(|count| *count > 0));
        if !matches!(back.await, Ok(Ok(_))) {
            return Err(PoolError::Gone);
        }
        let (answer, result) = oneshot::channel();
        let job = Job { call, answer };
        self.jobs.send(job).await.map_err(|_| PoolError::Gone)?;
        Ok(result.await.map_err(|_| PoolError::Gone)??)
    }
}

/// The tasks that keep the workers alive.
pub(crate) struct Slots {
    tasks: JoinSet<()>,
    end: watch::Sender<()>,
}

impl Slots {
    /// Kills all workers, whatever they do, and waits until they are gone.
    pub(crate) async fn end(mut self) {
        drop(self.end);
        // One that broke off is no reason to leave the others.
        while self.tasks.join_next().await.is_some() {}
    }
}

/// How the life of a worker ended.
enum End {
    /// It did not finish `init`.
    Failed(StartError),
    /// It served, and is of no use any more.
    Spoiled,
    /// The pool itself ends.
    Closed,
}

async fn slot(shared: Arc<Shared>, mut ended: watch::Receiver<()>) {
    let mut pause = FIRST_PAUSE;
    let mut failures = 0;
    loop {
        let born = Instant::now();
        let end = match Worker::spawn(&shared.plan) {
            Err(error) => End::Failed(error),
            Ok(mut worker) => {
                let end = tokio::select! {
                    biased;
                    _ = ended.changed() => End::Closed,
                    end = shared.live(&mut worker) => end,
                };
                worker.stop().await;
                end
            }
        };
        match end {
            End::Closed => return,
            End::Spoiled => failures = 0,
            End::Failed(error) => {
                failures += 1;
                if shared.failed_to_start(&error, failures) {
                    return;
                }
            }
        }
        if born.elapsed() > GROWN {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            _ = ended.changed() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

impl Shared {
    async fn live(&self, worker: &mut Worker) -> End {
        match worker.load(&self.plan).await {
            Ok(ready) => self.serve(worker, ready).await,
            Err(error) => End::Failed(error),
        }
    }

    /// Serves until the worker is of no use any more, or the pool is closed.
    async fn serve(&self, worker: &mut Worker, ready: Ready) -> End {
        let log = &self.plan.log;
        let pid = worker.pid();
        log.info(&format!("worker {pid} is ready"));
        {
            let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
            facts.get_or_insert(ready);
        }
        self.count(|count| count + 1);
        let end = loop {
            let next = async { self.jobs.lock().await.recv().await };
            let job = tokio::select! {
                biased;
                error = worker.spoiled() => {
                    log.error(&match error {
                        CallError::Died(how) => {
                            format!("worker {pid} ended between requests ({how})")
                        }
                        error => format!("worker {pid}: {error}; another one is started"),
                    });
                    break End::Spoiled;
                }
                job = next => match job {
                    Some(job) => job,
                    None => break End::Closed,
                },
            };
            // Whoever asked may have given up while the request waited.
            if job.answer.is_closed() {
                continue;
            }
            let limit = self.plan.config.scoring_timeout();
            let result = worker.call(&job.call, limit).await;
            let mut error = result.as_ref().err().map(ToString::to_string);
            if error.is_some() {
                // Before the answer, so that whoever has it sees the worker gone.
                self.count(|count| count - 1);
            }
            match result {
                Ok(mut answer) if answer.is_streamed => {
                    let (sender, pieces) = mpsc::channel(PIECES);
                    answer.pieces = Some(pieces);
                    let _ = job.answer.send(Ok(answer));
                    if let Err(end) = worker.relay(sender, limit).await {
                        self.count(|count| count - 1);
                        error = Some(end.to_string());
                    }
                }
                result => drop(job.answer.send(result)),
            }
            if let Some(error) = error {
                log.error(&format!("worker {pid}: {error}; another one is started"));
                return End::Spoiled;
            }
        };
        self.count(|count| count - 1);
        end
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        self.ready.send_modify(|count| {
            let before = *count;
            *count = change(before);
            let result = match (before, *count) {
                (0, 1..) => self.state.set(Phase::Ready, None),
                (1.., 0) => self
                    .state
                    .set(Phase::Starting, Some("no worker is left; one is started")),
                _ => Ok(()),
            };
            if let Err(error) = result {
                self.plan.log.error(&error.to_string());
            }
        });
    }

    /// Says so in the log; true when the replica has to give up.
    fn failed_to_start(&self, error: &StartError, failures: u32) -> bool {
        self.plan
            .log
            .error(&format!("a worker did not start: {error}"));
        let was_ready = self
            .facts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        let is_alone = *self.ready.borrow() == 0;
        let gives_up = is_alone && (!was_ready || failures >= MOST_FAILURES);
        if gives_up {
            let _ = self.failed.send(error.to_string());
        }
        gives_up
    }
}
