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
    config::replica_config,
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
/// What a replica gets to finish its requests, beside the scoring time-out.
const GRACE: Duration = Duration::from_secs(5);
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
        while !*self.stop.borrow() {
            let is_adopted = self.survivor.is_some();
            let started = match self.survivor.take() {
                Some(process) => Ok(process),
                None => self.start(),
            };
            let message = match started {
                Err(error) => format!("the replica cannot be started: {error}"),
                Ok(process) => match self.watch(process, is_adopted).await {
                    End::Stopped(process) => {
                        let scoring = self.workload.workload().template.scoring_timeout;
                        process.stop(scoring + GRACE).await;
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
        let config = replica_config(&workload, folder, &self.folder, &self.id, socket);
        write_json(&self.folder.config(), &config)?;
        let process = Process::spawn(
            &shared.program,
            &self.folder.config(),
            &folder.app(),
            &shared.environment,
            &self.output()?,
        )?;
        let record = process.record(&shared.boot, self.restarts);
        if let Err(error) = write_json(&self.folder.process(), &record) {
            // The next server would find it by its command line all the same.
            tracing::warn!(replica = %self.id, %error, "the process is not written down");
        }
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

    async fn watch(&mut self, process: Process, is_adopted: bool) -> End {
        if is_adopted {
            self.note_process(&process);
        }
        let mut health = Health::new(self.workload.workload().liveness);
        let mut next_look = Instant::now();
        let mut ready_since = None;
        // Why the scorer gave up, and until when it has to be gone.
        let mut failure: Option<(String, Instant)> = None;
        let socket = self.socket.clone();
        loop {
            let wake = next_look.min(health.next);
            let reason = tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return End::Stopped(process),
                () = process.ended() => Some(None),
                () = sleep_until(wake) => None,
            };
            let mut reason: Option<Option<String>> = reason;
            if reason.is_some() || Instant::now() >= next_look {
                let said = self.read_state();
                match said.phase {
                    ScorerPhase::Ready if reason.is_none() && ready_since.is_none() => {
                        let is_well = tokio::select! {
                            biased;
                            () = stopped(&mut self.stop) => return End::Stopped(process),
                            () = process.ended() => false,
                            is_well = probe::is_well(&socket, FIRST_ANSWER) => is_well,
                        };
                        if is_well {
                            ready_since = Some(Instant::now());
                            if is_adopted {
                                // It was through its first delay long ago.
                                health.begin();
                            }
                            self.note_phase(ReplicaPhase::Ready);
                        }
                    }
                    ScorerPhase::Ready => {}
                    ScorerPhase::Starting => {
                        if ready_since.take().is_some() && reason.is_none() {
                            self.note_phase(ReplicaPhase::Starting);
                        }
                    }
                    ScorerPhase::Failed => {
                        let text = said.message;
                        let text = text.unwrap_or_else(|| "the scorer failed; see its log".into());
                        if failure.is_none() {
                            let message = text.clone();
                            self.note_phase(ReplicaPhase::Failed { message });
                        }
                        failure.get_or_insert((text, Instant::now() + LAST_WORDS));
                    }
                }
                next_look = Instant::now()
                    + match ready_since {
                        Some(_) => LOOK_WHILE_READY,
                        None => LOOK_WHILE_STARTING,
                    };
            }
            if reason.is_none() && Instant::now() >= health.next {
                let patience = health.patience();
                let is_well = tokio::select! {
                    biased;
                    () = stopped(&mut self.stop) => return End::Stopped(process),
                    () = process.ended() => false,
                    is_well = probe::is_well(&socket, patience) => is_well,
                };
                health.set_rules(self.workload.workload().liveness);
                if health.note(is_well) {
                    reason = Some(Some(format!(
                        "the replica did not answer {} health probes in a row",
                        health.rules.failure_threshold
                    )));
                }
            }
            if let Some((_, until)) = &failure
                && Instant::now() >= *until
            {
                reason.get_or_insert(None);
            }
            if let Some(message) = reason {
                let served = ready_since.map_or(Duration::ZERO, |since| since.elapsed());
                return End::Died {
                    process,
                    message: failure.map(|(text, _)| text).or(message),
                    served,
                };
            }
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

    fn set_rules(&mut self, rules: Liveness) {
        self.rules = rules;
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
