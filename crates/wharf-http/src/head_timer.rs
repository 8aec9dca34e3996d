//! How long an HTTP/1 connection may wait for a request. hyper has one timer for it,
//! which starts as soon as the connection could take a request: with that alone, a
//! connection that idles is given no more time than a head that comes in drops. A
//! client with a pool would find its connections closed just when it needs them.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that counts what is read from it.
#[derive(Debug)]
pub struct Counted<S> {
    stream: S,
    read: Arc<AtomicU64>,
}

impl<S> Counted<S> {
    /// Counts from now on.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            read: Arc::default(),
        }
    }

    /// What counts the bytes that are read.
    pub fn count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }
}

/// hyper's timer for heads. The first head of a connection has what hyper is told
/// (`header_read_timeout`), and each later one as much from its first byte on; before
/// that comes, the connection may idle for longer.
#[derive(Debug)]
pub struct HeadTimer {
    head_time: Duration,
    idle: Duration,
    read: Arc<AtomicU64>,
    had_one: AtomicBool,
}

impl HeadTimer {
    /// `read` counts the bytes that came in on the connection. `head_time` is what hyper
    /// is told, `idle` how long the connection may wait after a request.
    pub fn new(read: Arc<AtomicU64>, head_time: Duration, idle: Duration) -> Self {
        Self {
            head_time,
            idle,
            read,
            had_one: AtomicBool::new(false),
        }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    /// The deadline is hyper's, `head_time` from now.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let is_first = !self.had_one.swap(true, Relaxed);
        let deadline = if is_first {
            deadline
        } else {
            self.now() + self.idle
        };
        Box::pin(HeadSleep {
            sleep: Box::pin(tokio::time::sleep_until(deadline.into())),
            head_time: self.head_time,
            idles_at: (!is_first).then(|| self.read.load(Relaxed)),
            read: Arc::clone(&self.read),
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

struct HeadSleep {
    sleep: Pin<Box<tokio::time::Sleep>>,
    head_time: Duration,
    /// What was read when the connection began to idle; nothing once a head comes in.
    idles_at: Option<u64>,
    read: Arc<AtomicU64>,
}

impl Future for HeadSleep {
    type Output = ();

    /// hyper polls it whenever it has read what there is and the head is not complete.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self
            .idles_at
            .is_some_and(|at| at != self.read.load(Relaxed))
        {
            self.idles_at = None;
            let deadline = tokio::time::Instant::now() + self.head_time;
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

impl Sleep for HeadSleep {}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.read
            .fetch_add((buffer.filled().len() - before) as u64, Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http::Response;
    use http_body_util::Full;
    use hyper::{server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
        time::{Instant, advance, sleep},
    };

    use super::*;

    const HEAD_TIME: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(120);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    /// A connection that is served. The clock stands still
    /// unless nothing else is to do.
    fn connect() -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let stream = Counted::new(server);
        let mut builder = http1::Builder::new();
        builder
            .timer(HeadTimer::new(stream.count(), HEAD_TIME, IDLE))
            .header_read_timeout(HEAD_TIME);
        let service = service_fn(|_| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"hello"))))
        });
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        client
    }

    async fn ask(client: &mut DuplexStream) {
        client.write_all(REQUEST).await.expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            let read = client.read_buf(&mut answer).await.expect("an answer");
            assert_ne!(read, 0, "closed");
        }
    }

    /// How long the server waits before it closes.
    async fn closed_after(mut client: DuplexStream) -> u64 {
        let began = Instant::now();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.expect("an end");
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_head_has_ten_seconds() {
        assert_eq!(closed_after(connect()).await, 10);
        let mut client = connect();
        client.write_all(&REQUEST[..9]).await.expect("sent");
        assert_eq!(closed_after(client).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_idles_for_longer_and_is_used_again() {
        let mut client = connect();
        for _ in 0..3 {
            ask(&mut client).await;
            sleep(Duration::from_secs(119)).await;
        }
        ask(&mut client).await;
        assert_eq!(closed_after(client).await, 120);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_head_has_ten_seconds_from_its_first_byte() {
        let mut client = connect();
        ask(&mut client).await;
        sleep(Duration::from_secs(60)).await;
        client.write_all(&REQUEST[..9]).await.expect("sent");
        // Another byte gives no more time.
        sleep(Duration::from_secs(4)).await;
        client.write_all(&REQUEST[9..10]).await.expect("sent");
        assert_eq!(closed_after(client).await, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_in_parts_is_taken_within_its_time() {
        let mut client = connect();
        ask(&mut client).await;
        advance(Duration::from_secs(100)).await;
        client.write_all(&REQUEST[..9]).await.expect("sent");
        sleep(Duration::from_secs(9)).await;
        client.write_all(&REQUEST[9..]).await.expect("sent");
        let mut first = [0; 15];
        client.read_exact(&mut first).await.expect("an answer");
        assert_eq!(&first, b"HTTP/1.1 200 OK");
    }

    fn timer() -> (Arc<AtomicU64>, HeadTimer) {
        let read = Arc::new(AtomicU64::new(0));
        let timer = HeadTimer::new(Arc::clone(&read), HEAD_TIME, IDLE);
        (read, timer)
    }

    /// As hyper begins to wait for a head.
    fn wait(timer: &HeadTimer) -> Pin<Box<dyn Sleep>> {
        timer.sleep(HEAD_TIME)
    }

    async fn seconds(sleep: impl Future) -> u64 {
        let began = Instant::now();
        sleep.await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_has_ten_seconds_and_an_idle_connection_more() {
        let (_read, timer) = timer();
        assert_eq!(seconds(wait(&timer)).await, 10);
        assert_eq!(seconds(wait(&timer)).await, 120);
        assert_eq!(seconds(wait(&timer)).await, 120);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_give_a_later_head_no_more_time() {
        let (read, timer) = timer();
        drop(wait(&timer));
        read.store(100, Relaxed);
        let mut head = wait(&timer);
        tokio::time::timeout(Duration::from_secs(60), &mut head)
            .await
            .expect_err("it idles");
        for (more, time) in [(1, 4), (2, 5)] {
            read.store(100 + more, Relaxed);
            tokio::time::timeout(Duration::from_secs(time), &mut head)
                .await
                .expect_err("its time is not over");
        }
        // Bytes give no more time: nine of ten seconds are over.
        assert_eq!(seconds(head).await, 1);
    }
}
