//! A replica in this process: real Python, a real socket, a script of the test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, response::Parts};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::UnixStream, sync::oneshot, task::JoinHandle};
use wharf_scorer::ScorerError;

/// Longest wait for anything; only a broken test gets there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names the configuration for a scorer in a process of its own.
pub(crate) const CONFIG: &str = "WHARF_TEST_SCORER_CONFIG";

pub(crate) struct Replica {
    pub(crate) folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ScorerError>>,
}

/// A scorer's process; ended with the test, however that ends.
pub(crate) struct Scorer(pub(crate) std::process::Child);

impl Drop for Scorer {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes the configuration of a replica whose folder `prepare` filled.
fn configure(prepare: impl FnOnce(&Path, &mut Value)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let mut config = json!({
        "replica": "d3f-0", "service_name": "iris", "service_version": "1",
        "listen": {"unix": at("s.sock")}, "app_root": at("app"),
        "model_dir": at("app/azureml-models/iris/1"), "entry_script": "score.py",
        "source_directory": null, "python": python(), "workers": 1,
        "scoring_timeout_ms": 60000, "drain_ms": 65000, "environment_variables": {"A": "b"},
        "log_file": at("replica.log"), "log_max_bytes": 10 << 20, "log_keep": 3,
        "state_file": at("state.json"), "notices": ["python 3.8 asked for"],
        "max_body_bytes": 1 << 20, "address_space_bytes": null
    });
    fs::create_dir_all(folder.path().join("app")).expect("a folder");
    prepare(folder.path(), &mut config);
    let path = folder.path().join("config.json");
    fs::write(&path, config.to_string()).expect("written");
    (folder, path)
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|it| it.to_str().expect("text"))
    }
}

/// An interpreter that has the standard library alone, whatever `python3` on this
/// machine has beside it: some tests are about packages that are not there.
pub(crate) fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let output = Command::new("python3")
            .args([
                "-c",
                "import sys; print(sys.base_prefix, hex(sys.hexversion))",
            ])
            .output()
            .expect("python3 is on PATH");
        let text = String::from_utf8(output.stdout).expect("text");
        let (base, version) = text.trim().rsplit_once(' ').expect("two words");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{version}"));
        let python = folder.join("bin/python3");
        if !python.exists() {
            make_bare_environment(&Path::new(base).join("bin/python3"), &folder);
        }
        python.to_string_lossy().into_owned()
    })
}

/// Made aside and renamed, since tests run at once: whoever comes second finds it.
fn make_bare_environment(base: &Path, folder: &Path) {
    let aside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let made = aside.path().join("venv");
    let ended = Command::new(base)
        .args(["-m", "venv", "--without-pip"])
        .arg(&made)
        .status();
    assert!(ended.expect("python3 runs").success());
    if let Err(error) = fs::rename(&made, folder) {
        assert!(folder.join("bin/python3").exists(), "{error}");
    }
}

impl Replica {
    /// Starts a replica with a `score.py`; does not wait.
    pub(crate) fn start(script: &str) -> Self {
        Self::start_with(|folder, _| fs::write(folder.join("app/score.py"), script).expect("write"))
    }

    /// Starts a replica after `prepare` filled the folder and changed the
    /// configuration.
    pub(crate) fn start_with(prepare: impl FnOnce(&Path, &mut Value)) -> Self {
        let (folder, path) = configure(prepare);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                // Dropped means stopped too.
                let _ = stopped.await;
            };
            wharf_scorer::run_until(&path, stopped).await
        });
        Self {
            folder,
            stop: Some(stop),
            task,
        }
    }

    /// Starts a scorer in a process of its own: this test binary again, with the
    /// one test that is a scorer.
    pub(crate) fn start_process(prepare: impl FnOnce(&Path, &mut Value)) -> (Self, Scorer) {
        let (folder, path) = configure(prepare);
        let child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "process::a_scorer_of_its_own", "--ignored"])
            .env(CONFIG, path)
            .env("WHARF_REPLICA_MARK", "the replica's")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("started");
        let replica = Self {
            folder,
            stop: None,
            task: tokio::spawn(async { Ok(()) }),
        };
        (replica, Scorer(child))
    }

    /// Starts a replica and waits until it is ready.
    pub(crate) async fn ready(script: &str) -> Self {
        let replica = Self::start(script);
        replica.wait_ready().await;
        replica
    }

    pub(crate) async fn wait_ready(&self) {
        let phase = self.phase_other_than("starting").await;
        assert_eq!(phase["phase"], "ready", "{phase} {}", self.log());
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s.sock")
    }

    pub(crate) fn state(&self) -> Option<Value> {
        let text = fs::read(self.folder.path().join("state.json")).ok()?;
        Some(serde_json::from_slice(&text).expect("the state is whole"))
    }

    /// Waits for the state file to say something else.
    pub(crate) async fn phase_other_than(&self, phase: &str) -> Value {
        self.until("another phase", || {
            self.state().filter(|state| state["phase"] != phase)
        })
        .await
    }

    /// Asks again and again until there is an answer.
    pub(crate) async fn until<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(started.elapsed() < PATIENCE, "no {what}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("replica.log")).unwrap_or_default()
    }

    pub(crate) async fn score(&self, body: &str) -> Reply {
        let headers = [("content-type", "application/json")];
        self.send(Method::POST, "/score", &headers, body.as_bytes())
            .await
    }

    /// Scores where no answer is sure to come.
    pub(crate) async fn try_score(&self, body: &str) -> hyper::Result<StatusCode> {
        let headers = [("content-type", "application/json")];
        let sent = self
            .try_open(Method::POST, "/score", &headers, body.as_bytes())
            .await;
        sent.map(|(head, ..)| head.status)
    }

    /// Sends a scoring request and leaves it to run, also after the replica's end.
    pub(crate) async fn begin(&self, body: &'static str) -> JoinHandle<hyper::Result<StatusCode>> {
        let stream = UnixStream::connect(self.socket()).await.expect("connect");
        tokio::spawn(async move {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            let request = Request::post("/score").header("host", "replica");
            let request = request.body(Full::new(Bytes::from(body)));
            let reply = sender.send_request(request.expect("a request")).await?;
            Ok(reply.status())
        })
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.send(Method::GET, target, &[], b"").await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let (head, body, connection) = self.open(method, target, headers, body).await;
        let body = body.collect().await.expect("a body").to_bytes();
        connection.abort();
        Reply {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// Sends a request and returns when the head of the answer is there.
    pub(crate) async fn open(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (Parts, Incoming, JoinHandle<hyper::Result<()>>) {
        let opened = self.try_open(method, target, headers, body).await;
        opened.expect("an answer")
    }

    async fn try_open(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> hyper::Result<(Parts, Incoming, JoinHandle<hyper::Result<()>>)> {
        let stream = UnixStream::connect(self.socket()).await.expect("connect");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("handshake");
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target);
        request = request.header("host", "replica");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body));
        let request = request.body(body).expect("a request");
        let reply = sender.send_request(request).await?;
        let (head, body) = reply.into_parts();
        Ok((head, body, connection))
    }

    /// Stops the replica as SIGTERM does, and waits for its end.
    pub(crate) async fn stop(mut self) -> (Result<(), ScorerError>, tempfile::TempDir) {
        drop(self.stop.take());
        let result = tokio::time::timeout(PATIENCE, self.task).await;
        (result.expect("it ends").expect("no panic"), self.folder)
    }

    /// Waits for an end that the replica comes to by itself.
    pub(crate) async fn end(&mut self) -> Result<(), ScorerError> {
        let result = tokio::time::timeout(PATIENCE, &mut self.task).await;
        result.expect("it ends").expect("no panic")
    }
}
