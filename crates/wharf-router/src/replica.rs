//! One replica and the connections to it.
//!
//! HTTP/1.1 with keep-alive. A connection counts the bytes written to it, so that
//! a failed request can be told from one that was never sent.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, UnixStream},
    time::{Instant, timeout},
};
use wharf_core::route::{ReadyReplica, ReplicaAddress};

use crate::body::ReplicaBody;

/// Time to connect. A replica is near, or it is gone.
const CONNECT: Duration = Duration::from_secs(2);

/// Idle connections kept for a replica.
const MOST_IDLE: usize = 32;

/// How long a connection may idle; less than the scorer's own limit, so that it
/// does not close just when a request is written.
const LONGEST_IDLE: Duration = Duration::from_secs(5);

/// How long the end of an answer may take to reach the connection's own task.
const SETTLE: Duration = Duration::from_millis(100);

/// A replica that answers, or did.
#[derive(Debug)]
pub(crate) struct Replica {
    known: ReadyReplica,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Replica {
    pub(crate) fn new(known: &ReadyReplica) -> Self {
        Self {
            known: known.clone(),
            idle: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.known.id
    }

    /// The same replica at the same address.
    pub(crate) fn is(&self, other: &ReadyReplica) -> bool {
        self.known == *other
    }

    /// An idle connection that still stands.
    pub(crate) async fn pooled(&self) -> Option<Connection> {
        loop {
            let (mut connection, since) = self.lock().pop()?;
            if since.elapsed() > LONGEST_IDLE {
                // All others below it on the stack are older.
                self.lock().clear();
                return None;
            }
            if let Ok(Ok(())) = timeout(SETTLE, connection.sender.ready()).await {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn keep(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.lock();
        if idle.len() >= MOST_IDLE {
            idle.remove(0);
        }
        idle.push((connection, Instant::now()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection.
    pub(crate) async fn dial(&self) -> io::Result<Connection> {
        let dialing = async {
            match &self.known.address {
                ReplicaAddress::Unix(path) => shake(UnixStream::connect(path).await?).await,
                ReplicaAddress::Tcp(address) => {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    shake(stream).await
                }
            }
        };
        timeout(CONNECT, dialing)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
    }
}

async fn shake<S>(stream: S) -> io::Result<Connection>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let written = Arc::new(AtomicU64::new(0));
    let counted = Counted {
        stream: TokioIo::new(stream),
        written: Arc::clone(&written),
    };
    let (sender, connection) = http1::Builder::new()
        .max_headers(200)
        .handshake(counted)
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(async move {
        // Whoever waits for an answer gets this error too.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to a replica ended");
        }
    });
    Ok(Connection { sender, written })
}

/// A connection to a replica.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<ReplicaBody>,
    written: Arc<AtomicU64>,
}

impl Connection {
    /// Bytes written so far. The counter is asked after the connection's task
    /// ended with an error, so nothing is written later.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }
}

/// Counts what is written.
struct Counted<S> {
    stream: S,
    written: Arc<AtomicU64>,
}

impl<S: Read + Unpin> Read for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: Write + Unpin> Counted<S> {
    fn count(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &result {
            self.written.fetch_add(*count as u64, Ordering::Release);
        }
        result
    }
}

impl<S: Write + Unpin> Write for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.count(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
