//! Bodies of requests: counted, timed, and small ones read ahead.
//!
//! A body that trickles in must not hold a replica. So small bodies are read
//! before a replica is asked for, and larger ones stream with a least speed.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep, sleep},
};

use crate::{
    error::{BodyFault, Refusal},
    settings::Limits,
};

/// Counts the bytes of a client's body and the time spent waiting for them.
#[derive(Debug)]
pub(crate) struct Metered<B> {
    inner: B,
    limit: u64,
    seen: u64,
    window: Duration,
    rate: u64,
    /// In the current window: bytes that came, and time waited for them.
    came: u64,
    waited: Duration,
    waits_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> Metered<B> {
    pub(crate) fn new(inner: B, limits: &Limits) -> Self {
        Self {
            inner,
            limit: limits.body_bytes,
            seen: 0,
            window: limits.body_window,
            rate: limits.body_rate,
            came: 0,
            waited: Duration::ZERO,
            waits_since: None,
            timer: None,
        }
    }

    fn is_too_slow(&mut self) -> bool {
        let asked = self.rate as f64 * self.waited.as_secs_f64();
        let is_too_slow = (self.came as f64) < asked;
        self.waited = Duration::ZERO;
        self.came = 0;
        is_too_slow
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Metered<B> {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        // Time counts only from a `Pending` to the next poll: then it is the
        // client that is waited for, not the replica.
        if let Some(since) = this.waits_since.take() {
            this.waited += since.elapsed();
            if this.waited >= this.window && this.is_too_slow() {
                return Poll::Ready(Some(Err(BodyFault::TooSlow {
                    rate: this.rate,
                    seconds: this.window.as_secs(),
                })));
            }
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.timer = None;
                if let Some(data) = frame.data_ref() {
                    this.seen += data.len() as u64;
                    this.came += data.len() as u64;
                    if this.seen > this.limit {
                        return Poll::Ready(Some(Err(BodyFault::TooLarge(this.limit))));
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(BodyFault::Broken))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                this.waits_since = Some(Instant::now());
                let left = this.window.saturating_sub(this.waited);
                let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(left)));
                if timer.as_mut().poll(cx).is_ready() {
                    this.timer = None;
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Memory for bodies that were read ahead, shared by all requests.
#[derive(Debug)]
pub(crate) struct Budget {
    free: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            free: AtomicUsize::new(bytes),
        }
    }

    fn take(&self, bytes: usize) -> bool {
        self.free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| {
                free.checked_sub(bytes)
            })
            .is_ok()
    }
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.free.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

/// A client's body before a replica is asked for.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// All of it; can be sent more than once.
    Whole(
        Bytes,
        #[expect(dead_code, reason = "held until the request ends")] Share,
    ),
    /// Its beginning, and the rest that is still to come.
    Long(Bytes, Metered<Incoming>, Share),
    /// It went to a replica.
    Gone,
}

/// Reads a small body whole, and of a larger one nothing more than it takes to
/// know that it is larger.
pub(crate) async fn prepare(
    body: Incoming,
    limits: &Limits,
    budget: &Arc<Budget>,
) -> Result<Prepared, Refusal> {
    let hint = body.size_hint();
    if hint.lower() > limits.body_bytes {
        return Err(BodyFault::TooLarge(limits.body_bytes).into());
    }
    let mut body = Metered::new(body, limits);
    let mut share = Share {
        budget: Arc::clone(budget),
        bytes: 0,
    };
    if hint.lower() > limits.buffered_body_bytes as u64 {
        return Ok(Prepared::Long(Bytes::new(), body, share));
    }
    let mut first = Bytes::new();
    let mut more: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        // Trailers say nothing that a scoring script could see.
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if !budget.take(data.len()) {
            return Err(Refusal::BodiesFull);
        }
        share.bytes += data.len();
        match &mut more {
            // One frame is the common case and is not copied.
            None if first.is_empty() => first = data,
            None => {
                let mut joined = BytesMut::with_capacity(first.len() + data.len());
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&data);
                more = Some(joined);
            }
            Some(joined) => joined.extend_from_slice(&data),
        }
        if share.bytes > limits.buffered_body_bytes {
            let read = more.map_or(first, BytesMut::freeze);
            return Ok(Prepared::Long(read, body, share));
        }
    }
    Ok(Prepared::Whole(more.map_or(first, BytesMut::freeze), share))
}

/// What became of a streamed body, for the one who waits for the answer.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Why it ended early.
    pub(crate) fault: Arc<OnceLock<BodyFault>>,
    /// Resolves when the body is sent, or dropped.
    pub(crate) sent: oneshot::Receiver<()>,
}

/// A body on its way to a replica.
#[derive(Debug)]
pub(crate) enum ReplicaBody {
    /// All of it is in memory.
    Whole(Option<Bytes>),
    /// It still comes from the client.
    Streamed {
        read: Option<Bytes>,
        rest: Metered<Incoming>,
        share: Option<Share>,
        fault: Arc<OnceLock<BodyFault>>,
        sent: Option<oneshot::Sender<()>>,
    },
}

impl Prepared {
    /// The body to send, and for a streamed one how to follow it. A whole body
    /// stays here for another try.
    pub(crate) fn body(&mut self) -> (ReplicaBody, Option<Upload>) {
        match self {
            Self::Whole(bytes, _) => (ReplicaBody::Whole(Some(bytes.clone())), None),
            Self::Gone => (ReplicaBody::Whole(None), None),
            Self::Long(..) => {
                let Self::Long(read, rest, share) = std::mem::replace(self, Self::Gone) else {
                    return (ReplicaBody::Whole(None), None);
                };
                let fault = Arc::new(OnceLock::new());
                let (sender, receiver) = oneshot::channel();
                let body = ReplicaBody::Streamed {
                    read: Some(read).filter(|read| !read.is_empty()),
                    rest,
                    share: Some(share),
                    fault: Arc::clone(&fault),
                    sent: Some(sender),
                };
                (
                    body,
                    Some(Upload {
                        fault,
                        sent: receiver,
                    }),
                )
            }
        }
    }

    /// Takes back a body of which nothing was sent.
    pub(crate) fn put_back(&mut self, body: ReplicaBody) {
        if let (
            Self::Gone,
            ReplicaBody::Streamed {
                read, rest, share, ..
            },
        ) = (&*self, body)
            && let Some(share) = share
        {
            *self = Self::Long(read.unwrap_or_default(), rest, share);
        }
    }

    /// Whether it can be sent (again).
    pub(crate) fn is_here(&self) -> bool {
        !matches!(self, Self::Gone)
    }
}

impl Body for ReplicaBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(
                bytes
                    .take()
                    .filter(|bytes| !bytes.is_empty())
                    .map(|bytes| Ok(Frame::data(bytes))),
            ),
            Self::Streamed {
                read,
                rest,
                share,
                fault,
                sent,
            } => {
                if let Some(read) = read.take() {
                    return Poll::Ready(Some(Ok(Frame::data(read))));
                }
                // What was read ahead is with the replica's connection now.
                *share = None;
                let polled = Pin::new(rest).poll_frame(cx);
                match &polled {
                    Poll::Ready(Some(Err(error))) => {
                        let _ = fault.set(*error);
                    }
                    Poll::Ready(None) => *sent = None,
                    _ => {}
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Streamed { read, rest, .. } => read.is_none() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Streamed { read, rest, .. } => {
                let ahead = read.as_ref().map_or(0, |read| read.len() as u64);
                let hint = rest.size_hint();
                let mut total = SizeHint::new();
                if let Some(upper) = hint.upper() {
                    total.set_upper(upper.saturating_add(ahead));
                }
                total.set_lower(hint.lower().saturating_add(ahead));
                total
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tokio::sync::mpsc;

    use super::*;

    fn limits() -> Limits {
        Limits {
            body_bytes: 10,
            ..Limits::default()
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_cut() {
        let fits = Metered::new(Full::new(Bytes::from_static(b"0123456789")), &limits());
        assert_eq!(fits.collect().await.unwrap().to_bytes().len(), 10);
        let over = Metered::new(Full::new(Bytes::from_static(b"0123456789a")), &limits());
        assert_eq!(over.collect().await.err(), Some(BodyFault::TooLarge(10)));
    }

    struct Receiving(mpsc::Receiver<Bytes>);

    impl Body for Receiving {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            self.0
                .poll_recv(cx)
                .map(|data| data.map(|data| Ok(Frame::data(data))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_cut_after_the_window() {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            while sender.send(Bytes::from_static(b"x")).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let start = Instant::now();
        let body = Metered::new(Receiving(receiver), &Limits::default());
        let fault = body.collect().await.err();
        assert!(
            matches!(fault, Some(BodyFault::TooSlow { .. })),
            "{fault:?}"
        );
        let seconds = start.elapsed().as_secs();
        assert!((30..32).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_replica_is_not_the_clients_fault() {
        let (sender, receiver) = mpsc::channel(1);
        let sending = tokio::spawn(async move {
            for _ in 0..4 {
                let _ = sender.send(Bytes::from_static(b"x")).await;
            }
        });
        let mut body = Metered::new(Receiving(receiver), &Limits::default());
        while let Some(frame) = body.frame().await {
            assert!(frame.is_ok());
            sleep(Duration::from_secs(60)).await;
        }
        sending.await.unwrap();
    }

    #[tokio::test]
    async fn the_budget_comes_back() {
        let budget = Arc::new(Budget::new(10));
        assert!(budget.take(10));
        let share = Share {
            budget: Arc::clone(&budget),
            bytes: 10,
        };
        assert!(!budget.take(1));
        drop(share);
        assert!(budget.take(10));
    }
}
