//! Running one program of a build: its output line by line, its whole process group
//! ended when it takes too long, takes the disk, or nobody waits any more.

use std::{
    collections::VecDeque,
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    process::Command,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use wharf_core::environment::{BuildLog, EnvironmentError};

use super::redact::redact;
use crate::local::kill_group;

/// Longest line that is passed on, in bytes.
const LONGEST_LINE: usize = 4000;
/// Most lines of one program that go into the log.
const MOST_LINES: usize = 10_000;
/// Lines at the end that are kept to say why it failed.
const LAST_LINES: usize = 200;
/// How long output may come after the end: a stray child may hold the pipe for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How often the room on the disk is looked at.
const LOOK_AT_DISK: Duration = Duration::from_secs(1);

/// A program to run.
pub(super) struct Run<'a> {
    /// Names it in errors.
    pub(super) step: &'static str,
    pub(super) program: &'a Path,
    pub(super) arguments: Vec<OsString>,
    pub(super) folder: &'a Path,
    /// All its variables.
    pub(super) variables: &'a [(String, String)],
    pub(super) limit: Duration,
    /// Room that has to stay on the disk, in bytes.
    pub(super) least_free: u64,
}

/// What a program did.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) status: ExitStatus,
    /// The last lines.
    pub(super) lines: Vec<String>,
}

impl Output {
    /// How it ended, for a person.
    pub(super) fn how(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => self.status.to_string(),
        }
    }
}

/// Takes no lines.
pub(super) struct Silence;

impl BuildLog for Silence {
    fn line(&self, _: &str) {}
}

/// A group that is killed when this is dropped, unless its leader was waited for.
struct Group(Option<i32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            kill_group(leader);
        }
    }
}

/// Room on the disk of `path`, in bytes.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

impl Run<'_> {
    /// Runs it to its end.
    ///
    /// # Errors
    /// It did not start, or was stopped. A status that is not zero is no error here.
    pub(super) async fn run(&self, log: &dyn BuildLog) -> Result<Output, EnvironmentError> {
        let failed = |message: String| EnvironmentError::Failed {
            step: self.step,
            message,
        };
        let not_started = |error: io::Error| {
            failed(format!(
                "`{}` could not be started: {error}",
                self.program.display()
            ))
        };
        let (reader, writer) = io::pipe().map_err(not_started)?;
        let mut reader = pipe::Receiver::from_owned_fd(reader.into()).map_err(not_started)?;
        let output = writer.try_clone().map_err(not_started)?;
        let mut command = Command::new(self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(not_started)?;
        // It holds our copy of the pipe's other end.
        drop(command);
        let mut group = Group(child.id().and_then(|it| i32::try_from(it).ok()));

        let mut lines = Lines::new(log);
        let deadline = sleep_until(Instant::now() + self.limit);
        tokio::pin!(deadline);
        let mut disk = interval(LOOK_AT_DISK);
        disk.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut buffer = [0; 8192];
        let mut is_open = true;
        let ended = loop {
            tokio::select! {
                read = reader.read(&mut buffer), if is_open => match read {
                    Ok(count @ 1..) => lines.push(&buffer[..count]),
                    _ => is_open = false,
                },
                status = child.wait() => break status.map_err(not_started),
                () = &mut deadline => {
                    break Err(failed(format!(
                        "took longer than {} seconds and was stopped",
                        self.limit.as_secs_f64()
                    )));
                }
                _ = disk.tick() => {
                    let free = free_bytes(self.folder).unwrap_or(u64::MAX);
                    if free < self.least_free {
                        let why = too_full(free, self.least_free);
                        break Err(failed(format!("was stopped: {why}")));
                    }
                }
            }
        };
        let status = match ended {
            Ok(status) => status,
            Err(error) => {
                drop(group);
                // It was killed; an error would mean that it is gone already.
                let _ = child.wait().await;
                return Err(error);
            }
        };
        group.0 = None;
        let rest = async {
            while let Ok(count @ 1..) = reader.read(&mut buffer).await {
                lines.push(&buffer[..count]);
            }
        };
        if is_open {
            // What a stray child still says is not waited for.
            let _ = timeout(LAST_WORDS, rest).await;
        }
        Ok(Output {
            status,
            lines: lines.finish(),
        })
    }
}

/// What is told when there is less room than is kept free.
pub(super) fn too_full(free: u64, least_free: u64) -> String {
    format!(
        "the disk has {} MB left, and {} MB are kept free (`wharf server --keep-free`)",
        free >> 20,
        least_free >> 20
    )
}

/// Whether pip names the operator's indexes and folders ("Looking in indexes: …",
/// "Looking in links: …"), which are nothing for the log of a service.
fn tells_of_the_machine(line: &str) -> bool {
    line.trim_start().starts_with("Looking in ")
}

/// Cuts output into lines and passes them on.
struct Lines<'a> {
    log: &'a dyn BuildLog,
    line: Vec<u8>,
    count: usize,
    last: VecDeque<String>,
}

impl<'a> Lines<'a> {
    fn new(log: &'a dyn BuildLog) -> Self {
        Self {
            log,
            line: Vec::new(),
            count: 0,
            last: VecDeque::new(),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => self.end(),
                // The rest of a line without end is dropped.
                _ if self.line.len() < LONGEST_LINE => self.line.push(*byte),
                _ => {}
            }
        }
    }

    fn end(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let line = redact(&String::from_utf8_lossy(&self.line));
        self.line.clear();
        if tells_of_the_machine(&line) {
            return;
        }
        self.count += 1;
        match self.count {
            ..=MOST_LINES => self.log.line(&line),
            it if it == MOST_LINES + 1 => self.log.line("… (more lines are not shown)"),
            _ => {}
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn finish(mut self) -> Vec<String> {
        self.end();
        self.last.into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Seen(Mutex<Vec<String>>);

    impl BuildLog for Seen {
        fn line(&self, text: &str) {
            self.0.lock().expect("not poisoned").push(text.to_owned());
        }
    }

    fn shell<'a>(script: &str, folder: &'a Path) -> Run<'a> {
        Run {
            step: "test",
            program: Path::new("/bin/sh"),
            arguments: vec!["-c".into(), script.into()],
            folder,
            variables: &[],
            limit: Duration::from_secs(60),
            least_free: 0,
        }
    }

    #[tokio::test]
    async fn passes_on_both_streams_line_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let seen = Seen::default();
        let script = "echo one; echo https://me:word@host/ >&2; printf three; exit 3";
        let output = shell(script, folder.path()).run(&seen).await.expect("ran");
        assert_eq!(output.how(), "exit code 3");
        assert_eq!(output.lines, ["one", "https://***@host/", "three"]);
        assert_eq!(*seen.0.lock().expect("not poisoned"), output.lines);
    }

    #[tokio::test]
    async fn leaves_out_where_pip_looks() {
        let folder = tempfile::tempdir().expect("a folder");
        let seen = Seen::default();
        let script = "echo 'Looking in indexes: https://host/simple'; \
                      echo 'Looking in links: /srv/wheels'; echo 'Collecting uv'";
        let output = shell(script, folder.path()).run(&seen).await.expect("ran");
        assert_eq!(output.lines, ["Collecting uv"]);
        assert_eq!(*seen.0.lock().expect("not poisoned"), output.lines);
    }

    #[tokio::test]
    async fn does_not_wait_for_a_child_that_holds_the_pipe() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "sleep 600 & echo $!";
        let output = shell(script, folder.path()).run(&Silence).await;
        let output = output.expect("ran");
        assert!(output.status.success());
        let pid = output.lines[0].parse().expect("a pid");
        let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }

    #[tokio::test]
    async fn cuts_lines_without_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "head -c 100000 /dev/zero | tr '\\0' x; echo; echo end";
        let output = shell(script, folder.path()).run(&Silence).await;
        let lines = output.expect("ran").lines;
        assert_eq!((lines[0].len(), lines[1].as_str()), (LONGEST_LINE, "end"));
    }

    #[tokio::test]
    async fn stops_before_the_disk_is_full() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut run = shell("sleep 600", folder.path());
        run.least_free = u64::MAX;
        let error = run.run(&Silence).await.expect_err("stopped");
        assert!(error.to_string().contains("the disk has"), "{error}");
    }
}
