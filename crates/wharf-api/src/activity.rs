//! Whether anything goes on on a connection. One that only answers pings, or does not
//! take its answer, would keep its place for ever.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

use crate::{
    answer::{Body, BodyError},
    settings::Limits,
};

/// What goes on on one connection.
#[derive(Debug)]
pub(crate) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests that are being worked on; their bodies have limits of their own.
    requests: usize,
    /// Answers that are not all taken yet.
    answers: usize,
    /// Whether any request came yet.
    had_one: bool,
    /// When a request came or was answered, or a part of an answer was taken.
    last: Instant,
}

/// Why a connection may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// No request for [`Limits::idle`], or none at all for [`Limits::head_time`].
    Idle,
    /// Nothing was taken of an answer for [`Limits::write_stall`].
    Stalled,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            requests: 0,
            answers: 0,
            had_one: false,
            last: Instant::now(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        state.last = Instant::now();
    }

    /// Counts a request until it is answered, and its answer until it is taken.
    pub(crate) async fn watch(
        self: Arc<Self>,
        answering: impl Future<Output = Response<Body>>,
    ) -> Response<Watched> {
        let request = Request::begin(Arc::clone(&self));
        let response = answering.await;
        self.change(|state| state.answers += 1);
        drop(request);
        response.map(|body| Watched {
            body,
            activity: self,
        })
    }

    /// Ends when nothing went on for as long as `limits` say.
    pub(crate) async fn quiet(&self, limits: &Limits) -> Quiet {
        // What goes on may change to something that has less time: looked at that often.
        let look = limits.idle.min(limits.head_time).min(limits.write_stall);
        loop {
            let (deadline, quiet) = {
                let state = self.lock();
                match (state.requests, state.answers) {
                    (0, 0) if state.had_one => (state.last + limits.idle, Some(Quiet::Idle)),
                    (0, 0) => (state.last + limits.head_time, Some(Quiet::Idle)),
                    (0, _) => (state.last + limits.write_stall, Some(Quiet::Stalled)),
                    _ => (Instant::now() + look, None),
                }
            };
            if let Some(quiet) = quiet.filter(|_| deadline <= Instant::now()) {
                return quiet;
            }
            sleep_until(deadline.min(Instant::now() + look)).await;
        }
    }
}

/// A request that is being worked on, until dropped.
struct Request(Arc<Activity>);

impl Request {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.change(|state| {
            state.requests += 1;
            state.had_one = true;
        });
        Self(activity)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.change(|state| state.requests -= 1);
    }
}

/// An answer's body; asked for more only when what it gave before was taken.
pub(crate) struct Watched {
    body: Body,
    activity: Arc<Activity>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.activity.change(|state| state.answers -= 1);
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.activity.change(|_| {});
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
