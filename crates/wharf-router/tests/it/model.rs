//! A small model server on a socket file. The header `x-do` tells it what to do.

use std::{
    convert::Infallible,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::UnixListener,
    sync::{Semaphore, mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use wharf_core::route::{ReadyReplica, ReplicaAddress};

/// Longest wait for anything; only a broken test gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a condition; panics when it never comes.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let waited = timeout(PATIENCE, future).await;
    waited.unwrap_or_else(|_| panic!("{what}: never"))
}

/// What a model saw.
#[derive(Debug)]
pub(crate) struct Seen {
    running: AtomicUsize,
    most: AtomicUsize,
    /// Requests that began, and that ended.
    began: watch::Sender<usize>,
    ended: watch::Sender<usize>,
    /// Bytes of bodies.
    bytes: watch::Sender<u64>,
    /// Held requests take a permit each.
    gate: Semaphore,
}

/// A running model server. Dropped, it is gone with all its connections.
pub(crate) struct Model {
    pub(crate) replica: ReadyReplica,
    seen: Arc<Seen>,
    alive: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    folder: Option<tempfile::TempDir>,
}

impl Model {
    pub(crate) fn start(id: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.sock");
        Self::bind(id, path, Some(folder))
    }

    /// A new server where another one was.
    pub(crate) fn start_at(id: &str, replica: &ReadyReplica) -> Self {
        let ReplicaAddress::Unix(path) = &replica.address else {
            panic!("models listen on socket files");
        };
        Self::bind(id, path.clone(), None)
    }

    fn bind(id: &str, path: PathBuf, folder: Option<tempfile::TempDir>) -> Self {
        let seen = Arc::new(Seen {
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            began: watch::Sender::new(0),
            ended: watch::Sender::new(0),
            bytes: watch::Sender::new(0),
            gate: Semaphore::new(0),
        });
        let listener = UnixListener::bind(&path).unwrap();
        let (alive, killed) = oneshot::channel();
        let task = tokio::spawn(serve(listener, id.to_owned(), Arc::clone(&seen), killed));
        Self {
            replica: ReadyReplica {
                id: id.to_owned(),
                address: ReplicaAddress::Unix(path),
            },
            seen,
            alive: Some(alive),
            task,
            folder,
        }
    }

    /// A model that was there and is not any more.
    pub(crate) fn gone(id: &str) -> ReadyReplica {
        ReadyReplica {
            id: id.to_owned(),
            address: ReplicaAddress::Unix(PathBuf::from("/nonexistent/m.sock")),
        }
    }

    /// Scoring requests that reached it.
    pub(crate) fn count(&self) -> usize {
        *self.seen.began.borrow()
    }

    /// Most requests that it worked on at once.
    pub(crate) fn most(&self) -> usize {
        self.seen.most.load(SeqCst)
    }

    /// Waits until so many requests began.
    pub(crate) async fn began(&self, count: usize) {
        let mut began = self.seen.began.subscribe();
        within("request at the model", began.wait_for(|it| *it >= count))
            .await
            .unwrap();
    }

    /// Waits until so many requests ended.
    pub(crate) async fn ended(&self, count: usize) {
        let mut ended = self.seen.ended.subscribe();
        within("end at the model", ended.wait_for(|it| *it >= count))
            .await
            .unwrap();
    }

    /// Waits until so many bytes of bodies came.
    pub(crate) async fn bytes(&self, count: u64) {
        let mut bytes = self.seen.bytes.subscribe();
        within("bytes at the model", bytes.wait_for(|it| *it >= count))
            .await
            .unwrap();
    }

    /// Lets held requests go on.
    pub(crate) fn let_go(&self, count: usize) {
        self.seen.gate.add_permits(count);
    }

    /// Ends it at once with all connections, as SIGKILL does; the folder stays.
    pub(crate) async fn kill(mut self) -> Option<tempfile::TempDir> {
        drop(self.alive.take());
        (&mut self.task).await.unwrap();
        let ReplicaAddress::Unix(path) = &self.replica.address else {
            panic!("models listen on socket files");
        };
        std::fs::remove_file(path).unwrap();
        self.folder.take()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: UnixListener,
    id: String,
    seen: Arc<Seen>,
    mut killed: oneshot::Receiver<()>,
) {
    // Dropped together with this task.
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            // Nobody may write to a connection after this.
            _ = &mut killed => return connections.shutdown().await,
        };
        let (id, seen) = (id.clone(), Arc::clone(&seen));
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, id.clone(), Arc::clone(&seen)));
            let _ = http1::Builder::new()
                .max_header_size(256 << 10)
                .max_buf_size(512 << 10)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Counts a request out, also when its task is dropped.
struct Running(Arc<Seen>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
        self.0.ended.send_modify(|count| *count += 1);
    }
}

/// The script died: the connection is cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("died")]
struct Died;

async fn answer(
    request: Request<Incoming>,
    id: String,
    seen: Arc<Seen>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Died> {
    let (head, mut body) = request.into_parts();
    let running = seen.running.fetch_add(1, SeqCst) + 1;
    seen.most.fetch_max(running, SeqCst);
    let counted = Running(Arc::clone(&seen));
    seen.began.send_modify(|count| *count += 1);
    let mut length = 0u64;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Died);
        };
        let data = frame.data_ref().map_or(0, Bytes::len) as u64;
        length += data;
        seen.bytes.send_modify(|count| *count += data);
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let action = head.headers.get("x-do").map(&text).unwrap_or_default();
    let seen_headers: serde_json::Map<String, serde_json::Value> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value).into()))
        .collect();
    let echo = serde_json::json!({
        "model": id, "method": head.method.as_str(), "target": head.uri.to_string(),
        "length": length, "headers": seen_headers,
    });
    let whole = |text: String| Full::new(Bytes::from(text)).boxed();
    let mut response = Response::new(whole(echo.to_string()));
    response
        .headers_mut()
        .insert("x-model", id.parse().unwrap());
    let headers = response.headers_mut();
    match action.as_str() {
        "hold" => seen.gate.acquire().await.unwrap().forget(),
        "die" => return Err(Died),
        "raise" => {
            headers.insert("x-ms-run-function-failed", "True".parse().unwrap());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        }
        "late" => {
            headers.insert("x-wharf-scoring-timeout", "true".parse().unwrap());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        }
        "large" => *response.body_mut() = whole("x".repeat(20 << 20)),
        "teapot" => *response.status_mut() = http::StatusCode::IM_A_TEAPOT,
        // A piece, then one for each permit, three in all.
        "stream" => {
            let (sender, receiver) = mpsc::channel::<Bytes>(1);
            tokio::spawn(async move {
                let _counted = counted;
                for piece in ["one", "two", "three"] {
                    if piece != "one" {
                        seen.gate.acquire().await.unwrap().forget();
                    }
                    if sender.send(Bytes::from(piece)).await.is_err() {
                        return;
                    }
                }
            });
            *response.body_mut() = Pieces(receiver).boxed();
            return Ok(response);
        }
        _ => {}
    }
    drop(counted);
    Ok(response)
}

/// A body whose pieces come from a channel.
pub(crate) struct Pieces(pub(crate) mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
