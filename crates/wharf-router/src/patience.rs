//! A client's connection with an end to patience.
//!
//! Three things that an HTTP library leaves open: a client that never starts to
//! speak, one that does not take its answer, and one that still sends while its
//! connection is closed. The last would lose the answer (a `413`, say) to the
//! reset that closing with unread data causes, so what it sends is read and
//! thrown away for a while.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;

use crate::settings::Limits;

/// Bytes that an HTTP/2 client sends first; fewer say nothing.
const PREFACE: u64 = 24;

/// Most bytes that are thrown away.
const LINGERED_BYTES: u64 = 512 * 1024 * 1024;

/// Ends an operation that takes too long.
#[derive(Debug, Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn stop(&mut self) {
        self.0 = None;
    }

    /// Starts when it does not run yet; true when the time is over.
    fn is_over(&mut self, time: Duration, cx: &mut Context<'_>) -> bool {
        self.0
            .get_or_insert_with(|| Box::pin(sleep(time)))
            .as_mut()
            .poll(cx)
            .is_ready()
    }
}

/// A client's stream.
#[derive(Debug)]
pub(crate) struct Patient {
    stream: TlsStream<TcpStream>,
    read: Arc<AtomicU64>,
    first_byte: Duration,
    first_timer: Timer,
    stall: Duration,
    stall_timer: Timer,
    linger: Duration,
    linger_timer: Timer,
    lingered: u64,
    is_shut: bool,
}

impl Patient {
    pub(crate) fn new(stream: TlsStream<TcpStream>, limits: &Limits) -> Self {
        Self {
            stream,
            read: Arc::default(),
            first_byte: limits.head_time,
            first_timer: Timer::default(),
            stall: limits.write_stall,
            stall_timer: Timer::default(),
            linger: limits.linger,
            linger_timer: Timer::default(),
            lingered: 0,
            is_shut: false,
        }
    }

    /// What counts the bytes that are read.
    pub(crate) fn count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    fn watch_write<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stall_timer.stop();
        } else if self.stall_timer.is_over(self.stall, cx) {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut)));
        }
        polled
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                let more = (buffer.filled().len() - before) as u64;
                if this.read.fetch_add(more, Relaxed) + more >= PREFACE {
                    this.first_timer.stop();
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                if this.read.load(Relaxed) < PREFACE
                    && this.first_timer.is_over(this.first_byte, cx)
                {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut)));
                }
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch_write(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.watch_write(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch_write(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.is_shut {
            let polled = Pin::new(&mut this.stream).poll_shutdown(cx);
            ready!(this.watch_write(polled, cx))?;
            this.is_shut = true;
        }
        // What still comes is not worth decrypting.
        let socket = this.stream.get_mut().0;
        let mut scratch = [0; 16 * 1024];
        loop {
            if this.lingered > LINGERED_BYTES || this.linger_timer.is_over(this.linger, cx) {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *socket).poll_read(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    this.lingered += buffer.filled().len() as u64;
                }
                // The client closed its side, or is gone.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
