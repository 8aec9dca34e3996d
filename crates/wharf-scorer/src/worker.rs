//! One Python worker: a process, a socket to talk to it, two pipes for its prints.
//!
//! The socket is the worker's standard input. When the scorer dies, however it
//! dies, the kernel closes our end and the worker ends itself. A worker that breaks
//! the framing, or says what nobody asked, is not trusted again: it is killed, and
//! what it said reaches nobody.

use std::{io, os::fd::OwnedFd, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::{
    net::UnixStream,
    process::{Child, Command},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use crate::{
    config::ReplicaConfig,
    environment,
    frame::{self, Frame},
    log::ReplicaLog,
};

/// How long the supervisor waits after the scoring timeout: the worker's own
/// alarm should come first, for it leaves the model in memory.
const GRACE: Duration = Duration::from_secs(2);
/// How long the rest of the prints may take after a worker's end. A process that
/// the script started may hold the pipe for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long a stream that nobody reads goes on when there is no scoring timeout.
const ABANDONED: Duration = Duration::from_secs(60);

/// What every worker of a replica is started with.
pub(crate) struct Plan {
    pub(crate) config: ReplicaConfig,
    /// The folder with our Python files.
    pub(crate) library: PathBuf,
    /// A private home folder.
    pub(crate) home: PathBuf,
    pub(crate) log: ReplicaLog,
}

/// What a worker is told first.
#[derive(Serialize)]
pub(crate) struct Configure<'a> {
    app_root: &'a str,
    model_dir: &'a str,
    entry_script: Option<&'a str>,
    built_in_script: Option<&'a str>,
    source_directory: Option<&'a str>,
    service_name: &'a str,
    service_version: &'a str,
    path_prefix: &'a str,
    scoring_timeout_ms: u64,
    address_space_bytes: Option<u64>,
    fallback: &'a str,
    largest_header: usize,
    largest_body: usize,
}

/// What a worker says when `init` is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ready {
    /// `run` is declared with `@rawhttp`.
    pub(crate) is_raw: bool,
    /// Swagger version -> document.
    pub(crate) swagger: Arc<std::collections::BTreeMap<String, Bytes>>,
}

/// One scoring call.
#[derive(Debug, Serialize)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names as they came; values as Latin-1, as Python's WSGI has them.
    pub(crate) headers: Vec<(String, String)>,
    #[serde(skip)]
    pub(crate) body: Bytes,
}

/// What the worker answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    /// For `x-ms-run-function-failed`; absent means no such header.
    #[serde(default)]
    pub(crate) run_failed: Option<bool>,
    /// For `x-ms-run-fn-exec-ms`.
    #[serde(default)]
    pub(crate) exec_ms: Option<f64>,
    /// The scoring timeout was hit.
    #[serde(default)]
    pub(crate) timed_out: bool,
    #[serde(skip)]
    pub(crate) body: Bytes,
    /// The body comes in pieces: it has to be read with [`Worker::relay`].
    #[serde(skip)]
    pub(crate) is_streamed: bool,
    #[serde(skip)]
    pub(crate) pieces: Option<mpsc::Receiver<io::Result<Bytes>>>,
}

/// Why there is no answer. The worker is gone in every case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the Python worker ended while it ran the request ({0})")]
    Died(String),
    #[error("Scoring timeout after {0} ms")]
    Timeout(u64),
    #[error("the Python worker broke its protocol: {0}")]
    Protocol(String),
}

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The script is at fault; the worker said why.
    #[error("{0}")]
    Script(String),
    /// The process could not be started, or ended without a word.
    #[error("{0}")]
    Process(String),
}

/// A started worker.
pub(crate) struct Worker {
    child: Child,
    socket: UnixStream,
    pid: u32,
    output: Vec<JoinHandle<()>>,
    /// The number of what was asked last.
    number: u64,
}

impl Worker {
    /// Starts a process. It has to be told what to [`load`](Self::load).
    pub(crate) fn spawn(plan: &Plan) -> Result<Self, StartError> {
        Self::try_spawn(plan).map_err(|error| {
            let python = plan.config.python.display();
            StartError::Process(format!("cannot start the interpreter {python}: {error}"))
        })
    }

    fn try_spawn(plan: &Plan) -> io::Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut child = Command::new(&plan.config.python)
            .args(["-c", environment::PRELUDE])
            .arg(&plan.library)
            .env_clear()
            .envs(environment::variables(&plan.config, &plan.home))
            .envs(std::env::var_os(environment::MARK).map(|mark| (environment::MARK, mark)))
            .current_dir(&plan.config.app_root)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let mut output = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            let log = plan.log.clone();
            output.push(tokio::spawn(log.follow(pipe, pid, Some("print"))));
        }
        if let Some(pipe) = child.stderr.take() {
            output.push(tokio::spawn(plan.log.clone().follow(pipe, pid, None)));
        }
        Ok(Self {
            child,
            socket: UnixStream::from_std(ours)?,
            pid,
            output,
            number: 0,
        })
    }

    /// Tells the worker its script and waits until `init` is done. There is no time
    /// limit: a model may be large, and whoever started the replica watches the clock.
    /// After an error the worker must be stopped.
    pub(crate) async fn load(&mut self, plan: &Plan) -> Result<Ready, StartError> {
        let config = &plan.config;
        let prefix = environment::path_prefix(config);
        let fallback = plan.library.join("fallback");
        let configure = Configure {
            app_root: &config.app_root.to_string_lossy(),
            model_dir: &config.model_dir.to_string_lossy(),
            entry_script: config.entry_script.as_deref(),
            built_in_script: config.built_in_script.as_deref(),
            source_directory: config.source_directory.as_deref(),
            service_name: &config.service_name,
            service_version: &config.service_version,
            path_prefix: &prefix,
            scoring_timeout_ms: config.scoring_timeout_ms,
            address_space_bytes: config.address_space_bytes,
            fallback: &fallback.to_string_lossy(),
            largest_header: frame::LARGEST_HEADER,
            largest_body: frame::LARGEST_BODY,
        };
        let header = serde_json::to_vec(&configure)
            .map_err(|error| StartError::Process(error.to_string()))?;
        let reply = match self.exchange(Some((b'C', &header, &[]))).await {
            Ok(reply) => reply,
            Err(CallError::Died(how)) => {
                return Err(StartError::Process(format!(
                    "the Python worker ended while it loaded the script ({how}). \
                     Its last lines are in the log."
                )));
            }
            Err(error) => return Err(StartError::Process(error.to_string())),
        };
        match reply.kind {
            b'I' => ready(&reply).map_err(StartError::Process),
            b'F' => {
                #[derive(Deserialize)]
                struct Failure {
                    message: String,
                }
                let message = serde_json::from_slice::<Failure>(&reply.header)
                    .map_or_else(|error| error.to_string(), |failure| failure.message);
                Err(StartError::Script(message))
            }
            kind => Err(StartError::Process(format!("a frame of kind {kind}"))),
        }
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits, between requests, for whatever makes the worker useless: its end, or a
    /// word that nobody asked for. Says which. May be dropped and called again.
    pub(crate) async fn spoiled(&mut self) -> CallError {
        loop {
            tokio::select! {
                biased;
                status = self.child.wait() => return CallError::Died(how_it_ended(status)),
                _ = self.socket.readable() => {}
            }
            match self.socket.try_read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // It closes the socket first and ends then.
                Ok(0) | Err(_) => return CallError::Died(self.how_it_ends().await),
                Ok(_) => return CallError::Protocol("it spoke without being asked".to_owned()),
            }
        }
    }

    /// Runs one request. After an error the worker must be stopped.
    pub(crate) async fn call(
        &mut self,
        call: &Call,
        timeout: Option<Duration>,
    ) -> Result<Answer, CallError> {
        let header =
            serde_json::to_vec(call).map_err(|error| CallError::Protocol(error.to_string()))?;
        let exchange = self.exchange(Some((b'R', &header, &call.body)));
        let reply = match timeout {
            None => exchange.await?,
            Some(limit) => tokio::time::timeout(limit.saturating_add(GRACE), exchange)
                .await
                .unwrap_or_else(|_| {
                    let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                    Err(CallError::Timeout(millis))
                })?,
        };
        if !matches!(reply.kind, b'A' | b'S') {
            return Err(CallError::Protocol(format!("kind {}", reply.kind)));
        }
        let mut answer: Answer = serde_json::from_slice(&reply.header)
            .map_err(|error| CallError::Protocol(error.to_string()))?;
        answer.body = reply.body;
        answer.is_streamed = reply.kind == b'S';
        Ok(answer)
    }

    /// Passes the pieces of a streamed answer on until its end. The scoring timeout
    /// does not cover them, as in Azure's server; but once nobody listens any more,
    /// the script gets only that long to come to its end. After an error the worker
    /// must be stopped.
    pub(crate) async fn relay(
        &mut self,
        to: mpsc::Sender<io::Result<Bytes>>,
        patience: Option<Duration>,
    ) -> Result<(), CallError> {
        let patience = patience.unwrap_or(ABANDONED);
        let mut left_at: Option<Instant> = None;
        loop {
            let next = self.exchange(None);
            tokio::pin!(next);
            let frame = loop {
                let given_up = left_at.map(|at| at + patience);
                tokio::select! {
                    biased;
                    frame = &mut next => break frame,
                    () = to.closed(), if left_at.is_none() => left_at = Some(Instant::now()),
                    () = sleep_until(given_up.unwrap_or_else(Instant::now)),
                        if given_up.is_some() =>
                    {
                        let millis = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
                        break Err(CallError::Timeout(millis));
                    }
                }
            };
            let cut = |text: &str| io::Error::other(text.to_owned());
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    let _ = to.send(Err(cut("the worker is gone"))).await;
                    return Err(error);
                }
            };
            match frame.kind {
                // Who left does not get it; that is all.
                b'D' => drop(to.send(Ok(frame.body)).await),
                b'E' => return Ok(()),
                b'X' => {
                    let _ = to.send(Err(cut("the script raised"))).await;
                    return Ok(());
                }
                kind => {
                    let _ = to.send(Err(cut("the worker is gone"))).await;
                    return Err(CallError::Protocol(format!("kind {kind} in a stream")));
                }
            }
        }
    }

    /// Sends a frame, or nothing, and waits for the next one.
    async fn exchange(&mut self, send: Option<(u8, &[u8], &[u8])>) -> Result<Frame, CallError> {
        if send.is_some() {
            self.number += 1;
        }
        let number = self.number;
        let result = {
            let socket = &mut self.socket;
            let talk = async {
                if let Some((kind, header, body)) = send {
                    frame::write(socket, kind, number, header, body).await?;
                }
                frame::read(socket).await
            };
            tokio::pin!(talk);
            // A process that the script started may hold the worker's end of the
            // socket, so the end of the worker itself is watched too.
            tokio::select! {
                biased;
                result = &mut talk => result,
                status = self.child.wait() => {
                    // What it said before it ended still counts.
                    match tokio::time::timeout(Duration::from_millis(100), talk).await {
                        Ok(Ok(reply)) => Ok(reply),
                        _ => return Err(CallError::Died(how_it_ended(status))),
                    }
                }
            }
        };
        match result {
            Ok(reply) if reply.number == number => Ok(reply),
            Ok(reply) => Err(CallError::Protocol(format!(
                "an answer to {} when {number} was asked",
                reply.number
            ))),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(CallError::Protocol(error.to_string()))
            }
            Err(_) => Err(CallError::Died(self.how_it_ends().await)),
        }
    }

    /// For a worker whose socket is closed: that comes first, then the process ends.
    async fn how_it_ends(&mut self) -> String {
        let end = tokio::time::timeout(LAST_WORDS, self.child.wait()).await;
        end.map_or_else(|_| "it closed its socket".to_owned(), how_it_ended)
    }

    /// Kills the process, and waits until its last prints are in the log.
    pub(crate) async fn stop(mut self) {
        // An error means that it has ended already.
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
        for task in &mut self.output {
            if tokio::time::timeout(LAST_WORDS, &mut *task).await.is_err() {
                task.abort();
            }
        }
    }
}

fn ready(reply: &Frame) -> Result<Ready, String> {
    #[derive(Deserialize)]
    struct Header {
        raw: bool,
    }
    let header: Header =
        serde_json::from_slice(&reply.header).map_err(|error| error.to_string())?;
    let documents: std::collections::BTreeMap<String, String> =
        serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
    let swagger = documents
        .into_iter()
        .map(|(version, text)| (version, Bytes::from(text)));
    Ok(Ready {
        is_raw: header.raw,
        swagger: Arc::new(swagger.collect()),
    })
}

fn how_it_ended(status: io::Result<std::process::ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    let status = match status {
        Ok(status) => status,
        Err(error) => return error.to_string(),
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(9)) => "signal 9, which is also how the system ends a process \
                            when memory is short"
            .to_owned(),
        (None, Some(11)) => "signal 11, a fault in native code".to_owned(),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
