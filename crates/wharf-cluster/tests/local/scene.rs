//! A data directory, a store of content and the stand-in scorer.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use uuid::Uuid;
use wharf_cluster::{LocalBackend, LocalSettings};
use wharf_core::{
    backend::{Backend, ContentSource, ReplicaObservation, Workload, WorkloadObservation},
    deployment::WorkloadKey,
    digest::Digest,
    route::ReplicaAddress,
    scaling::Scaling,
};

/// Longest that anything may take here.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a test plays. Kills what is left when it ends.
pub(crate) struct Scene {
    scratch: tempfile::TempDir,
    content: Arc<Store>,
    program: PathBuf,
}

#[derive(Default)]
pub(crate) struct Store(Mutex<HashMap<Digest, Vec<u8>>>);

impl ContentSource for Store {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn io::Read + Send>> {
        let store = self.0.lock().expect("not poisoned");
        let content = store.get(digest).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(content)))
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let python = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .expect("python3 is there");
        let python = String::from_utf8(python.stdout).expect("a path");
        let program = scratch.path().join("stand-in");
        let text = format!("#!{} -IS\n{}", python.trim(), include_str!("stand_in.py"));
        fs::write(&program, text).expect("write the stand-in");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
        Self {
            scratch,
            content: Arc::default(),
            program,
        }
    }

    pub(crate) async fn start(&self) -> Arc<LocalBackend> {
        let content: Arc<Store> = Arc::clone(&self.content);
        let settings = LocalSettings {
            root: self.root(),
            socket_dir: self.scratch.path().join("run"),
            scorer_program: self.program.clone(),
            content,
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        };
        LocalBackend::start(settings).await.expect("start")
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.scratch.path().join("replicas")
    }

    pub(crate) fn folder(&self, key: &WorkloadKey) -> PathBuf {
        self.root().join(key.to_string())
    }

    pub(crate) fn workload(&self, scaling: Scaling) -> Workload {
        wharf_testkit::plain_workload(Uuid::new_v4(), "/usr/bin/python3".into(), scaling)
    }

    /// Makes content known under its digest.
    pub(crate) fn put(&self, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        self.put_as(digest, content);
        digest
    }

    /// Makes content known under a digest that need not be its own.
    pub(crate) fn put_as(&self, digest: Digest, content: &[u8]) {
        let mut store = self.content.0.lock().expect("not poisoned");
        store.insert(digest, content.to_vec());
    }

    /// Nothing on disk, no socket, no process.
    pub(crate) fn assert_empty(&self) {
        for folder in [self.root(), self.scratch.path().join("run")] {
            let left = fs::read_dir(&folder).expect("a folder");
            let left = left
                .map(|it| it.expect("an entry").path())
                .collect::<Vec<_>>();
            assert_eq!(left, Vec::<PathBuf>::new());
        }
        assert_eq!(self.processes(), Vec::<u32>::new());
    }

    /// Processes that were started with a configuration of this scene.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let scene = self.scratch.path().to_string_lossy().into_owned();
        let mut pids = Vec::new();
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let pid = entry.file_name().to_str().and_then(|it| it.parse().ok());
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(pid) = pid
                && line.contains(&scene)
            {
                pids.push(pid);
            }
        }
        pids
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for pid in self.processes() {
            kill_group(pid);
        }
    }
}

fn pid(pid: u32) -> rustix::process::Pid {
    let pid = i32::try_from(pid).expect("a pid");
    rustix::process::Pid::from_raw(pid).expect("not zero")
}

pub(crate) fn kill_group(leader: u32) {
    let _ = rustix::process::kill_process_group(pid(leader), rustix::process::Signal::KILL);
}

pub(crate) fn kill(process: u32) {
    rustix::process::kill_process(pid(process), rustix::process::Signal::KILL).expect("kill");
}

/// Members of a process group that are alive.
pub(crate) fn group(leader: u32) -> Vec<u32> {
    let mut members = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let text = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let fields = text.rsplit(')').next().unwrap_or_default();
        let fields = fields.split_ascii_whitespace().collect::<Vec<_>>();
        if fields.get(2) == Some(&leader.to_string().as_str()) && fields[0] != "Z" {
            let name = entry.file_name();
            members.extend(name.to_str().and_then(|it| it.parse::<u32>().ok()));
        }
    }
    members
}

/// Waits until `check` holds for what is seen.
pub(crate) async fn wait_until(
    backend: &LocalBackend,
    key: &WorkloadKey,
    check: impl Fn(&WorkloadObservation) -> bool,
) -> WorkloadObservation {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = backend
            .observe(key)
            .await
            .expect("observe")
            .unwrap_or_default();
        if check(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "still {seen:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn wait_ready(
    backend: &LocalBackend,
    key: &WorkloadKey,
    ready: u32,
) -> WorkloadObservation {
    wait_until(backend, key, |seen| seen.ready() == ready).await
}

/// Waits until `check` holds.
pub(crate) async fn eventually(check: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !check() {
        assert!(Instant::now() < deadline, "it does not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn socket(replica: &ReplicaObservation) -> PathBuf {
    match &replica.address {
        Some(ReplicaAddress::Unix(path)) => path.clone(),
        other => panic!("no socket: {other:?}"),
    }
}

pub(crate) fn process(seen: &WorkloadObservation, index: usize) -> u32 {
    seen.replicas[index].process.expect("a process")
}

/// The status line of a request to a replica.
pub(crate) async fn get(socket: &Path, path: &str) -> io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::UnixStream::connect(socket).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
