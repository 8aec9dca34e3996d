//! Processes that outlive this server: started in groups of their own, told apart
//! by pid and start time, watched whether they are children or were adopted.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, test_kill_process_group,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::unix::AsyncFd,
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::strays::{self, Strays};

/// How often a process is looked at where the kernel cannot tell of its end.
const POLL: Duration = Duration::from_millis(500);
/// How long the members of a killed group may take to be gone.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// A process on disk. A pid alone would be taken over by a stranger's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessRecord {
    pub(super) pid: i32,
    /// Clock ticks since the boot.
    pub(super) start_time: u64,
    pub(super) boot: String,
    /// How often the replica was started again so far.
    pub(super) restarts: u32,
}

/// The boot that this is; pids and start times mean nothing in another one.
pub(crate) fn boot_id() -> io::Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}

/// What `/proc/PID/stat` says, as far as it is needed.
struct Stat {
    is_dead: bool,
    group: i32,
    start_time: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name, which may hold anything.
    let fields = text.get(text.rfind(')')? + 1..)?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    Some(Stat {
        is_dead: matches!(state, "Z" | "X"),
        group: fields.nth(1)?.parse().ok()?,
        start_time: fields.nth(16)?.parse().ok()?,
    })
}

/// A scorer found running.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) pid: i32,
    pub(super) start_time: u64,
    /// Its configuration file, as its command line says.
    pub(super) config: PathBuf,
    /// What all that it started carries. It is read once: a scorer may end at any
    /// moment, and then it cannot be asked.
    pub(super) mark: Option<PathBuf>,
}

/// Group leaders whose command line names a configuration under `root`: also the
/// ones that were started just before a crash and never written down.
pub(super) fn find_scorers(root: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|it| it.parse::<i32>().ok()) else {
            continue;
        };
        let line = match fs::read(format!("/proc/{pid}/cmdline")) {
            Ok(line) => line,
            Err(error) if is_not_ours(&error) => continue,
            // One that is not seen would count as dead.
            Err(error) => return Err(error),
        };
        let mut words = line.split(|byte| *byte == 0);
        let Some(_) = words.find(|word| *word == b"--config") else {
            continue;
        };
        let Some(Ok(config)) = words.next().map(std::str::from_utf8) else {
            continue;
        };
        let config = PathBuf::from(config);
        match stat(pid) {
            Some(stat) if config.starts_with(root) && stat.group == pid && !stat.is_dead => {
                found.push(Found {
                    pid,
                    start_time: stat.start_time,
                    config,
                    mark: strays::mark_of(pid),
                });
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Processes end while we look, and strangers' may be hidden.
fn is_not_ours(error: &io::Error) -> bool {
    let has_ended = error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error());
    let kinds = [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied];
    has_ended || kinds.contains(&error.kind())
}

/// Kills what is left of the group of a recorded process that is not taken over.
/// The leader may be gone, dying, or dead and not collected; as long as it or a
/// member of its group is there, its number is not given to another process.
pub(super) fn kill_remains(record: &ProcessRecord, boot: &str) {
    let is_strange = stat(record.pid).is_some_and(|it| it.start_time != record.start_time);
    if record.boot == boot && !is_strange {
        kill_group(record.pid);
    }
}

/// Kills scorers that belong to nothing, and whatever they started.
pub(super) fn kill_orphans<'a>(scorers: impl IntoIterator<Item = &'a Found>) {
    let mut marks = BTreeSet::new();
    for scorer in scorers {
        marks.extend(scorer.mark.clone());
        kill_group(scorer.pid);
    }
    if let Err(error) = strays::end(&marks) {
        tracing::warn!(%error, "processes that orphans left may stay");
    }
}

/// Kills what replicas under `root` left whose scorer is gone: all but what the
/// `scorers` and theirs are. While the mark of a scorer is not known, nothing is.
pub(super) fn kill_left_behind<'a>(root: &Path, scorers: impl IntoIterator<Item = &'a Found>) {
    let marks = scorers.into_iter().map(|it| it.mark.clone());
    let Some(alive) = marks.collect::<Option<BTreeSet<_>>>() else {
        tracing::warn!(
            "a replica cannot be asked for its mark, so what others left behind stays until the \
             next start"
        );
        return;
    };
    if let Err(error) = strays::end_others(root, &alive) {
        tracing::warn!(%error, "processes of replicas that are gone may stay");
    }
}

/// Kills a whole group. One that is gone is fine.
pub(crate) fn kill_group(leader: i32) {
    // 0 and 1 would mean our own group and everything.
    if let Some(pid) = Pid::from_raw(leader).filter(|_| leader > 1) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Whether a member of the group runs. The kernel alone cannot tell: it counts
/// dead ones too until their new parent collects them, which the first process of
/// a container may never do.
fn has_members(leader: i32) -> bool {
    let is_empty = |pid| test_kill_process_group(pid).is_err();
    if Pid::from_raw(leader).is_none_or(is_empty) {
        return false;
    }
    let Ok(processes) = fs::read_dir("/proc") else {
        return false;
    };
    let pids = processes.flatten().filter_map(|entry| {
        let name = entry.file_name();
        name.to_str().and_then(|it| it.parse::<i32>().ok())
    });
    let mut stats = pids.filter_map(stat);
    stats.any(|stat| stat.group == leader && !stat.is_dead)
}

/// A running process, ours or adopted.
pub(super) struct Process {
    pid: i32,
    start_time: u64,
    child: Option<Child>,
    end: Option<AsyncFd<OwnedFd>>,
    /// What all that it starts carries; `None` in one of an older version.
    mark: Option<PathBuf>,
    strays: Arc<Strays>,
}

impl Process {
    /// Starts `program scorer --config FILE` in a group of its own.
    pub(super) fn spawn(
        program: &Path,
        config: &Path,
        directory: &Path,
        environment: &[(String, String)],
        output: &File,
        strays: &Arc<Strays>,
    ) -> io::Result<Self> {
        let mark = strays::fresh_mark(config.parent().unwrap_or(config));
        let mut command = Command::new(program);
        command
            .arg("scorer")
            .arg("--config")
            .arg(config)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env(strays::VARIABLE, &mark)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .process_group(0)
            .kill_on_drop(false);
        let child = command.spawn()?;
        let pid = child.id().and_then(|it| i32::try_from(it).ok());
        let pid = pid.ok_or_else(|| io::Error::other("the process has no pid"))?;
        // A child that is not waited for keeps its entry, so this finds it.
        let start_time = stat(pid).map_or(0, |stat| stat.start_time);
        Ok(Self {
            pid,
            start_time,
            child: Some(child),
            end: watch_end(pid),
            mark: Some(mark),
            strays: Arc::clone(strays),
        })
    }

    /// Takes over a running process; `None` when it is gone or another one has
    /// its pid.
    pub(super) fn adopt(found: &Found, strays: &Arc<Strays>) -> Option<Self> {
        let &Found {
            pid, start_time, ..
        } = found;
        // First the descriptor, then the check: the other way round the pid could
        // change hands in between.
        let end = watch_end(pid);
        let is_it = stat(pid).is_some_and(|it| it.start_time == start_time && !it.is_dead);
        is_it.then_some(Self {
            pid,
            start_time,
            child: None,
            end,
            mark: found.mark.clone(),
            strays: Arc::clone(strays),
        })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    pub(super) fn record(&self, boot: &str, restarts: u32) -> ProcessRecord {
        ProcessRecord {
            pid: self.pid,
            start_time: self.start_time,
            boot: boot.to_owned(),
            restarts,
        }
    }

    /// Waits until the process has ended. May be dropped and asked again.
    pub(super) async fn ended(&self) {
        if let Some(end) = &self.end
            && end.readable().await.is_ok()
        {
            return;
        }
        let is_there =
            || stat(self.pid).is_some_and(|it| it.start_time == self.start_time && !it.is_dead);
        while is_there() {
            sleep(POLL).await;
        }
    }

    /// Asks it to end, kills what is left after `grace`, and waits for all of it.
    pub(super) async fn stop(self, grace: Duration) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = timeout(grace, self.ended()).await;
        self.kill().await;
    }

    /// Kills the group, and what left the group, and waits for all of it. Says how the
    /// leader ended where that is known.
    pub(super) async fn kill(mut self) -> Option<std::process::ExitStatus> {
        // Before the leader is waited for: until then nobody else gets its pid.
        kill_group(self.pid);
        self.ended().await;
        let status = match &mut self.child {
            Some(child) => child.wait().await.ok(),
            None => None,
        };
        let gone = async {
            while has_members(self.pid) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(LAST_BREATH, gone).await;
        if let Some(mark) = self.mark.take() {
            self.strays.end(mark).await;
        }
        status
    }
}

#[expect(
    deprecated,
    reason = "deprecated for types that may give up their descriptor early, which \
              OwnedFd does not; its replacement is an unsafe function"
)]
fn watch_end(pid: i32) -> Option<AsyncFd<OwnedFd>> {
    let fd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    AsyncFd::with_interest(fd, tokio::io::Interest::READABLE).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind_while_a_mark_is_unknown() {
        let scratch = tempfile::tempdir().expect("a folder");
        let root = scratch.path();
        let mut left = std::process::Command::new("sleep")
            .arg("600")
            .env(strays::VARIABLE, root.join("replica-1:0"))
            .spawn()
            .expect("sleep starts");
        let scorer = |mark| Found {
            pid: 2,
            start_time: 0,
            config: root.join("replica-2/config.json"),
            mark,
        };
        // The child carries its mark from the moment that it runs its own program.
        let pid = i32::try_from(left.id()).expect("a pid");
        while strays::mark_of(pid) != Some(root.join("replica-1:0")) {
            std::thread::yield_now();
        }
        kill_left_behind(root, [&scorer(None)]);
        assert!(left.try_wait().expect("asked").is_none());
        kill_left_behind(root, [&scorer(Some(root.join("replica-2:0")))]);
        left.wait().expect("killed");
    }
}
