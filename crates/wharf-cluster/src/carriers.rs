//! Processes that carry a variable: how to find what somebody started and lost sight
//! of. A process gets its variables at its start, from whoever starts it, so they
//! lead also to what left its group, its session and its parent. Only one that is
//! started without them on purpose, or writes over them, is not found.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How often the processes are looked through, every [`PAUSE`] while some are left.
const LOOKS: usize = 500;
/// What killed processes get to end before the next look.
const PAUSE: Duration = Duration::from_millis(10);

/// What `variable` was at the start of a process; `None` when there was none, when
/// the process has ended, or when it is somebody else's.
pub(crate) fn value_of(pid: Pid, variable: &str) -> Option<PathBuf> {
    let all = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()?;
    let value = all.split(|byte| *byte == 0).find_map(|it| {
        let value = it.strip_prefix(variable.as_bytes())?;
        value.strip_prefix(b"=")
    })?;
    Some(PathBuf::from(OsStr::from_bytes(value)))
}

/// Kills the processes whose `variable` is as `is_meant` says, and those that they
/// start meanwhile. One look where there are none. Blocks.
///
/// # Errors
/// When `/proc` cannot be read, or some do not end within 5 seconds.
pub(crate) fn end(variable: &str, is_meant: impl Fn(&Path) -> bool) -> io::Result<()> {
    let is_carrier = |pid| value_of(pid, variable).is_some_and(|value| is_meant(&value));
    for _ in 0..LOOKS {
        let mut is_clear = true;
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let pid = name.to_str().and_then(|it| it.parse().ok());
            let Some(pid) = pid.and_then(Pid::from_raw).filter(|pid| is_carrier(*pid)) else {
                continue;
            };
            is_clear = false;
            // First the descriptor, then the check: else the pid could change hands
            // in between. An error means that the process has ended.
            if let Ok(process) = pidfd_open(pid, PidfdFlags::empty())
                && is_carrier(pid)
            {
                let _ = pidfd_send_signal(process, Signal::KILL);
            }
        }
        if is_clear {
            return Ok(());
        }
        sleep(PAUSE);
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "killed processes do not end",
    ))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    const VARIABLE: &str = "WHARF_TEST_CARRIER";

    /// A process that is killed when the test ends.
    struct Sleeper(Child);

    impl Sleeper {
        fn start(variable: &str, value: &Path) -> Self {
            let mut command = Command::new("sleep");
            Self(
                command
                    .arg("600")
                    .env(variable, value)
                    .spawn()
                    .expect("sleep"),
            )
        }

        fn is_running(&mut self) -> bool {
            self.0.try_wait().expect("a child").is_none()
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn only_carriers_are_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let mine = folder.path().join("a");
        let mut carrier = Sleeper::start(VARIABLE, &mine);
        let mut foreign = [
            Sleeper::start(VARIABLE, &folder.path().join("ab")),
            Sleeper::start(VARIABLE, &folder.path().join("b/a")),
            Sleeper::start("WHARF_TEST_CARRIER_2", &mine),
            Sleeper::start("X_WHARF_TEST_CARRIER", &mine),
        ];
        let pid = i32::try_from(carrier.0.id()).expect("a pid");
        let pid = Pid::from_raw(pid).expect("a pid");
        assert_eq!(value_of(pid, VARIABLE), Some(mine.clone()));
        end(VARIABLE, |value| value == mine).expect("ended");
        assert!(!carrier.is_running());
        assert!(foreign.iter_mut().all(Sleeper::is_running));
    }
}
