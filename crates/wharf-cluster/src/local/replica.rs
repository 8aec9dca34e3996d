//! The life of one replica: started, watched, started again with back-off when it
//! dies or hangs, and in the end asked to finish and go.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use wharf_core::{backend::ReplicaPhase, deployment::Liveness};

use super::{
    config::{leaving_time, replica_config},
    fault::FaultPoint,
    files::{ReplicaFolder, ScorerPhase, ScorerState, read_json, remove_file, write_json},
    probe,
    process::Process,
    workload::{RunningWorkload, Survivor, remove_replica},
};

/// How often the state file is read while the replica loads.
const LOOK_WHILE_STARTING: Duration = Duration::from_millis(50);
/// How often once it serves.
const LOOK_WHILE_READY: Duration = Duration::from_millis(500);
/// How long the first answer of a replica that says it is ready may take.
const FIRST_ANSWER: Duration = Duration::from_secs(2);
/// How long a scorer that said it failed may take to end.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Longest wait before another start.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// After serving this long the wait begins at its shortest again.
const STEADY: Duration = Duration::from_secs(60);
/// Size at which the scorer's own output starts anew, in bytes.
const MOST_OUTPUT: u64 = 1 << 20;

pub(super) struct Replica {
    workload: Arc<RunningWorkload>,
    index: u32,
    id: String,
    socket: PathBuf,
    folder: ReplicaFolder,
    stop: watch::Receiver<bool>,
    restarts: u32,
    survivor: Option<Process>,
}

/// How a life ended.
enum End {
    /// The replica is not wanted any more.
    Stopped(Process),
    /// The process ended or has to.
    Died {
        process: Process,
        message: Option<String>,
        served: Duration,
    },
}

impl Replica {
    pub(super) fn new(
        workload: Arc<RunningWorkload>,
        survivor: Survivor,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            folder: workload.replica_folder(survivor.index),
            workload,
            index: survivor.index,
            id: survivor.id,
            socket: survivor.socket,
            stop,
            restarts: survivor.restarts,
            survivor: survivor.process,
        }
    }

    /// Runs until the replica is told to stop, and removes what it had.
    pub(super) async fn run(mut self) {
        let mut failures = 0;
        // One that was taken over is looked after even when it is to leave at once: left
        // alone, its process would go on without a folder.
        while self.survivor.is_some() || !*self.stop.borrow() {
            let is_adopted = self.survivor.is_some();
            let started = match self.survivor.take() {
                Some(process) => Ok(process),
                None => self.start(),
            };
            let message = match started {
                Err(error) => format!("the replica cannot be started: {error}"),
                Ok(process) => match self.watch(process, is_adopted).await {
                    End::Stopped(process) => {
                        let workload = self.workload.workload();
                        process.stop(leaving_time(&workload.template)).await;
                        break;
                    }
                    End::Died {
                        process,
                        message,
                        served,
                    } => {
                        if served >= STEADY {
                            failures = 0;
                        }
                        let status = process.kill().await;
                        message.unwrap_or_else(|| match status {
                            Some(status) => format!("the replica's process ended: {status}"),
                            None => "the replica's process ended".to_owned(),
                        })
                    }
                },
            };
            tracing::warn!(replica = %self.id, %message, "replica is down");
            self.workload.note(self.index, |seen| {
                seen.phase = ReplicaPhase::Failed { message };
                seen.process = None;
            });
            let wait = Duration::from_secs(1 << failures.min(6)).min(LONGEST_BACK_OFF);
            failures += 1;
            tokio::select! {
                () = stopped(&mut self.stop) => break,
                () = sleep(wait) => {}
            }
            self.restarts += 1;
        }
        remove_replica(&self.folder, &self.socket);
    }

    fn start(&mut self) -> io::Result<Process> {
        fs::create_dir_all(self.folder.path())?;
        remove_file(&self.folder.process())?;
        remove_file(&self.folder.state())?;
        remove_file(&self.socket)?;
        let shared = &self.workload.shared;
        let workload = self.workload.workload();
        let (folder, socket) = (&self.workload.folder, &self.socket);
        let (id, index) = (&self.id, self.index);
        let config = replica_config(&workload, folder, &self.folder, id, index, socket);
        write_json(&self.folder.config(), &config)?;
        FaultPoint::ReplicaConfigured.reach();
        let process = Process::spawn(
            &shared.program,
            &self.folder.config(),
            &folder.app(),
            &shared.environment,
            &self.output()?,
            &shared.strays,
        )?;
        FaultPoint::ReplicaSpawned.reach();
        let record = process.record(&shared.boot, self.restarts);
        if let Err(error) = write_json(&self.folder.process(), &record) {
            // The next server would find it by its command line all the same.
            tracing::warn!(replica = %self.id, %error, "the process is not written down");
        }
        FaultPoint::ReplicaWrittenDown.reach();
        tracing::info!(replica = %self.id, pid = process.pid(), "replica started");
        self.note_process(&process);
        Ok(process)
    }

    /// The file for what the scorer prints beside its log.
    fn output(&self) -> io::Result<File> {
        let path = self.folder.output();
        if fs::metadata(&path).is_ok_and(|it| it.len() > MOST_OUTPUT) {
            remove_file(&path)?;
        }
        File::options().create(true).append(true).open(path)
    }

    fn note_process(&self, process: &Process) {
        let pid = u32::try_from(process.pid()).ok();
        self.workload.note(self.index, |seen| {
            seen.phase = ReplicaPhase::Starting;
            seen.process = pid;
            seen.restarts = self.restarts;
        });
    }

    fn note_phase(&self, phase: ReplicaPhase) {
        self.workload.note(self.index, |seen| seen.phase = phase);
    }

    /// Looks after a running process until it ends, hangs, or is not wanted.
    async fn watch(&mut self, process: Process, is_adopted: bool) -> End {
        if is_adopted {
            self.note_process(&process);
        }
        let mut health = Health::new(self.workload.workload().liveness);
        let mut next_look = Instant::now();
        let mut ready_since = None;
        let mut is_first_delay_over = false;
        // Until when a scorer that gave up has to be gone.
        let mut last_words: Option<Instant> = None;
        let verdict = loop {
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return End::Stopped(process),
                () = process.ended() => break None,
                () = sleep_until(next_look) => {
                    let said = self.read_state();
                    match said.phase {
                        ScorerPhase::Ready if ready_since.is_none() => {
                            if is_adopted && !is_first_delay_over {
                                // It was through its first delay long ago, whether it can
                                // be reached or its socket went with a folder.
                                is_first_delay_over = true;
                                health.begin();
                            }
                            if self.is_well(&process, FIRST_ANSWER).await == Some(true) {
                                ready_since = Some(Instant::now());
                                self.note_phase(ReplicaPhase::Ready);
                            }
                        }
                        ScorerPhase::Ready => {}
                        ScorerPhase::Starting => {
                            if ready_since.take().is_some() {
                                self.note_phase(ReplicaPhase::Starting);
                            }
                        }
                        ScorerPhase::Failed if last_words.is_none() => {
                            last_words = Some(Instant::now() + LAST_WORDS);
                            self.note_phase(ReplicaPhase::Failed { message: said.reason() });
                        }
                        ScorerPhase::Failed => {}
                    }
                    if last_words.is_some_and(|until| Instant::now() >= until) {
                        break None;
                    }
                    let wait = ready_since.map_or(LOOK_WHILE_STARTING, |_| LOOK_WHILE_READY);
                    next_look = Instant::now() + wait;
                }
                () = sleep_until(health.next) => {
                    let answer = self.is_well(&process, health.patience()).await;
                    health.rules = self.workload.workload().liveness;
                    if answer.is_some_and(|is_well| health.note(is_well)) {
                        break Some(format!(
                            "the replica did not answer {} health probes in a row",
                            health.rules.failure_threshold
                        ));
                    }
                }
            }
        };
        let said = self.read_state();
        let own_words = (said.phase == ScorerPhase::Failed).then(|| said.reason());
        End::Died {
            process,
            message: own_words.or(verdict),
            served: ready_since.map_or(Duration::ZERO, |since| since.elapsed()),
        }
    }

    /// Probes; `None` when something else happened first.
    async fn is_well(&mut self, process: &Process, patience: Duration) -> Option<bool> {
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => None,
            () = process.ended() => None,
            is_well = probe::is_well(&self.socket, patience) => Some(is_well),
        }
    }

    fn read_state(&self) -> ScorerState {
        // Not there yet, or written by a stranger's code: not ready.
        let state = read_json::<ScorerState>(&self.folder.state());
        state.ok().flatten().unwrap_or(ScorerState {
            phase: ScorerPhase::Starting,
            message: None,
        })
    }
}

/// Ends when the replica is told to stop, or when nobody could tell it any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the slot is gone, which only happens with the backend;
    // then this task is aborted, and the process must live.
    if stop.wait_for(|is_stopped| *is_stopped).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Counts probes as Kubernetes does.
struct Health {
    rules: Liveness,
    next: Instant,
    good: u32,
    bad: u32,
}

impl Health {
    fn new(rules: Liveness) -> Self {
        let delay = Duration::from_secs(rules.initial_delay_seconds.into());
        Self {
            rules,
            next: Instant::now() + delay,
            good: 0,
            bad: 0,
        }
    }

    fn begin(&mut self) {
        self.next = Instant::now() + self.period();
    }

    fn period(&self) -> Duration {
        Duration::from_secs(self.rules.period_seconds.max(1).into())
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.rules.timeout_seconds.max(1).into())
    }

    /// Notes a probe; `true` when the replica counts as dead.
    fn note(&mut self, is_well: bool) -> bool {
        self.begin();
        if is_well {
            self.good += 1;
            if self.good >= self.rules.success_threshold {
                self.bad = 0;
            }
        } else {
            self.good = 0;
            self.bad += 1;
        }
        self.bad >= self.rules.failure_threshold.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn probes_are_counted_in_rows() {
        let mut health = Health::new(Liveness {
            success_threshold: 2,
            failure_threshold: 3,
            ..Liveness::default()
        });
        let rounds = [false, false, true, true, false, false, true, false];
        let dead = rounds.map(|is_well| health.note(is_well));
        assert_eq!(
            dead,
            [false, false, false, false, false, false, false, true]
        );
    }
}
