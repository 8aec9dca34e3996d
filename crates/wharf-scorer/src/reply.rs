//! Answers: their bodies, and the ones that the scorer makes itself.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const RUN_FAILED: HeaderName = HeaderName::from_static("x-ms-run-function-failed");

pub(crate) type Reply = Response<ReplyBody>;

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum ReplyBody {
    /// In memory.
    Whole(Option<Bytes>),
    /// Still coming from a worker.
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
}

impl ReplyBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => pieces
                .poll_recv(cx)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Pieces(_) => SizeHint::new(),
        }
    }
}

pub(crate) fn mark(reply: &mut Reply, run_failed: Option<bool>) {
    if let Some(run_failed) = run_failed {
        let text = if run_failed { "True" } else { "False" };
        let value = HeaderValue::from_static(text);
        reply.headers_mut().insert(RUN_FAILED, value);
    }
}

pub(crate) fn retry(mut reply: Reply) -> Reply {
    let second = HeaderValue::from_static("1");
    reply.headers_mut().insert(header::RETRY_AFTER, second);
    reply
}

fn with_type(status: StatusCode, kind: HeaderValue, body: Bytes) -> Reply {
    let mut reply = Response::new(ReplyBody::whole(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

pub(crate) fn json(status: StatusCode, body: Bytes) -> Reply {
    with_type(status, JSON, body)
}

pub(crate) fn page(status: StatusCode, text: &'static str) -> Reply {
    with_type(status, HTML, Bytes::from_static(text.as_bytes()))
}

pub(crate) fn message(status: StatusCode, text: &str) -> Reply {
    let body = serde_json::json!({ "message": text }).to_string();
    json(status, body.into())
}

pub(crate) fn options(methods: &[&str]) -> Reply {
    let mut reply = page(StatusCode::OK, "");
    if let Ok(value) = HeaderValue::try_from(methods.join(", ")) {
        reply.headers_mut().insert(header::ALLOW, value);
    }
    reply
}
