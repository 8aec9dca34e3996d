//! `wharf replicas`: what runs for a data directory, also while no server does.
//!
//! Replicas outlive their server on purpose. They are found as a server finds them:
//! scorers whose configuration lies in the data directory, each leading its own
//! process group.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
    process::{Pid, Signal, kill_process, kill_process_group},
};

use crate::{
    data_dir::{DataDir, HomeArgs},
    error::CliError,
    printer::Printer,
};

/// How long replicas may take to end by themselves. No router is there to send them
/// anything, so they have nothing to finish.
const GRACE: Duration = Duration::from_secs(10);
/// How long killed processes may take to be gone.
const LAST_BREATH: Duration = Duration::from_secs(10);
/// Between two looks at the processes.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

const EXAMPLES: &str = "\
Examples:
  wharf replicas list
  wharf replicas stop

Replicas go on when the server stops, and the next `wharf server` takes them over.";

/// Replicas of a data directory.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplicasArgs {
    #[command(flatten)]
    home: HomeArgs,
    #[command(subcommand)]
    command: ReplicasCommand,
}

/// What is done with replicas.
#[derive(Debug, Subcommand)]
enum ReplicasCommand {
    /// Print the process ids of the replicas that run
    List,
    /// End the replicas that a stopped server left; its next start brings them back
    Stop,
}

pub(crate) fn run(args: &ReplicasArgs, printer: &mut Printer<'_>) -> Result<(), CliError> {
    let dir = args.home.data_dir()?;
    match args.command {
        ReplicasCommand::List => {
            let pids = running_replicas(&dir).into_iter();
            let lines: String = pids.map(|pid| format!("{pid}\n")).collect();
            printer.data(&lines)
        }
        ReplicasCommand::Stop => {
            let count = stop(&dir)?;
            printer.talk(&match count {
                0 => "No replica was running".to_owned(),
                count => format!("Ended: {}", counted(count)),
            });
            Ok(())
        }
    }
}

/// `1 replica`, `2 replicas`.
pub(crate) fn counted(count: usize) -> String {
    match count {
        1 => "1 replica".to_owned(),
        count => format!("{count} replicas"),
    }
}

/// Process ids of the replicas of a data directory; each leads its own group.
pub fn running_replicas(dir: &DataDir) -> Vec<i32> {
    // Scorers are given the path as it really is.
    let Ok(root) = fs::canonicalize(dir.root()) else {
        return Vec::new();
    };
    let root = root.join("replicas");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<i32> = processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // Empty for what has ended and is not collected yet.
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            is_scorer_below(&line, &root).then_some(pid)
        })
        .collect();
    pids.sort_unstable();
    pids
}

/// Whether a command line is `PROGRAM scorer --config FILE` with FILE below `root`.
fn is_scorer_below(line: &[u8], root: &Path) -> bool {
    let mut words = line.split(|byte| *byte == 0).skip(1);
    let is_scorer = words.next() == Some(b"scorer") && words.next() == Some(b"--config");
    let config = words.next().map(|it| PathBuf::from(OsStr::from_bytes(it)));
    is_scorer && config.is_some_and(|config| config.starts_with(root))
}

/// Ends all replicas; gives how many there were.
fn stop(dir: &DataDir) -> Result<usize, CliError> {
    // Held to the end, so that no server starts and takes them over meanwhile.
    let _lock = match fs::File::open(dir.lock()) {
        Ok(lock) => lock_of(lock, dir)?,
        Err(error) => {
            return Err(CliError::file("open", &dir.lock(), &error)
                .with_hint("name the server's data directory with `--data-dir` or `WHARF_HOME`"));
        }
    };
    let all = running_replicas(dir);
    let pids = || all.iter().filter_map(|pid| Pid::from_raw(*pid));
    for pid in pids() {
        // Fine when it has ended.
        let _ = kill_process(pid, Signal::TERM);
    }
    let have_ended = wait_for_end(dir, GRACE);
    // Also what a scorer left of its group.
    for pid in pids() {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    if !have_ended && !wait_for_end(dir, LAST_BREATH) {
        let left = running_replicas(dir).len();
        return Err(CliError::failed(format!(
            "{} of {} could not be ended",
            left,
            counted(all.len())
        ))
        .with_hint("they may belong to another user"));
    }
    Ok(all.len())
}

fn lock_of(lock: fs::File, dir: &DataDir) -> Result<fs::File, CliError> {
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(CliError::failed(format!(
            "a server uses {} and would start them again",
            dir.root().display()
        ))
        .with_hint("stop the server first, or delete the services with the SDK")),
        Err(error) => Err(CliError::file("lock", &dir.lock(), &error)),
    }
}

/// Waits until no replica runs; false when some still do after `limit`.
fn wait_for_end(dir: &DataDir, limit: Duration) -> bool {
    let began = Instant::now();
    while !running_replicas(dir).is_empty() {
        if began.elapsed() >= limit {
            return false;
        }
        thread::sleep(LOOK_AGAIN);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scorers_of_this_directory_are_replicas() {
        let root = Path::new("/data/replicas");
        for (line, is_one) in [
            (
                "/bin/wharf\0scorer\0--config\0/data/replicas/k/replica-0/config.json\0",
                true,
            ),
            (
                "/bin/wharf\0scorer\0--config\0/data/replicas-2/k/config.json\0",
                false,
            ),
            ("/bin/wharf\0server\0--data-dir\0/data/replicas\0", false),
            ("vi\0/data/replicas/k/replica-0/config.json\0", false),
            ("", false),
        ] {
            assert_eq!(is_scorer_below(line.as_bytes(), root), is_one, "{line:?}");
        }
    }
}
