//! The server that is measured: its process, its processor time, its memory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::BenchResult;

/// Clock ticks a second, as `/proc` counts; the same on every Linux that we ship on.
const TICKS: f64 = 100.0;
const START: Duration = Duration::from_secs(60);

pub(super) struct Server {
    child: Child,
    pid: u32,
    binary: PathBuf,
    flags: &'static [&'static str],
    data: PathBuf,
    _scratch: tempfile::TempDir,
}

impl Server {
    /// Starts one on a directory of its own.
    pub(super) async fn start(binary: &Path, flags: &'static [&'static str]) -> BenchResult<Self> {
        let scratch = tempfile::tempdir()?;
        let data = scratch.path().join("data");
        let child = spawn(binary, flags, &data).await?;
        Ok(Self {
            pid: child.id().ok_or("the server ended at once")?,
            child,
            binary: binary.to_owned(),
            flags,
            data,
            _scratch: scratch,
        })
    }

    /// Starts it again over what it has stored; the time until it is ready.
    pub(super) async fn restart(&mut self) -> BenchResult<Duration> {
        self.stop().await?;
        let began = Instant::now();
        self.child = spawn(&self.binary, self.flags, &self.data).await?;
        self.pid = self.child.id().ok_or("the server ended at once")?;
        Ok(began.elapsed())
    }

    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// Seconds of processor that the server took so far.
    pub(super) fn cpu_seconds(&self) -> BenchResult<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let fields = text.get(text.rfind(')').unwrap_or_default() + 1..);
        let mut fields = fields.unwrap_or_default().split_ascii_whitespace().skip(11);
        let mut ticks = || fields.next().and_then(|field| field.parse::<f64>().ok());
        match (ticks(), ticks()) {
            (Some(user), Some(system)) => Ok((user + system) / TICKS),
            _ => Err("the processor time of the server cannot be read".into()),
        }
    }

    pub(super) fn memory_mib(&self) -> BenchResult<f64> {
        memory_mib(self.pid)
    }

    /// How many replicas run, and the mean memory of one with its workers.
    pub(super) fn replica_memory_mib(&self) -> BenchResult<(u32, f64)> {
        let root = self.data.to_string_lossy().into_owned();
        let (mut replicas, mut total) = (0, 0.0);
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else {
                continue;
            };
            let Ok(line) = fs::read(entry.path().join("cmdline")) else {
                continue;
            };
            let line = String::from_utf8_lossy(&line);
            if pid == self.pid || !line.contains(&root) {
                continue;
            }
            replicas += u32::from(line.contains("--config"));
            total += memory_mib(pid).unwrap_or_default();
        }
        Ok((replicas, total / f64::from(replicas.max(1))))
    }

    pub(super) async fn stop(&mut self) -> BenchResult<()> {
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.ok_or("no process")?, rustix::process::Signal::TERM)?;
        timeout(START, self.child.wait()).await??;
        Ok(())
    }
}

/// Starts the program and waits until it is ready.
async fn spawn(binary: &Path, flags: &[&str], data: &Path) -> BenchResult<Child> {
    let mut child = Command::new(binary)
        .args(["server", "--listen", "127.0.0.1:0", "--log", "warn"])
        .args(flags)
        .arg("--data-dir")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{}: {error}; `make build` makes it", binary.display()))?;
    let out = child.stdout.take().ok_or("no output of the server")?;
    let mut lines = BufReader::new(out).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            if line.starts_with("Wharf is ready at ") {
                return Ok(child);
            }
        }
        Err("the server ended before it was ready".into())
    };
    timeout(START, ready).await?
}

fn memory_mib(pid: u32) -> BenchResult<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<f64>().ok());
    Ok(kib.ok_or("the memory of a process cannot be read")? / 1024.0)
}
