//! Answers: bodies in memory or streamed, and the few shapes that handlers share.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use serde::Serialize;
use wharf_core::Error;

use crate::refusal::Refusal;

/// What a handler gives back.
pub(crate) type Answered = Result<Response<Body>, Refusal>;

/// Why a streamed body ended early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
pub struct Body(Inner);

enum Inner {
    Whole(Full<Bytes>),
    Stream(UnsyncBoxBody<Bytes, BodyError>),
}

impl Body {
    /// No bytes.
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// Pieces as they come. An error cuts the connection, so that the client sees
    /// that something is missing.
    pub fn stream<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BodyError> + 'static,
    {
        let frames = stream.map_ok(Frame::data).map_err(Into::into);
        Self(Inner::Stream(BodyExt::boxed_unsync(StreamBody::new(
            frames,
        ))))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Inner::Whole(Full::new(bytes)))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().0 {
            Inner::Whole(whole) => Pin::new(whole)
                .poll_frame(context)
                .map_err(|never: Infallible| match never {}),
            Inner::Stream(stream) => Pin::new(stream).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(whole) => whole.is_end_stream(),
            Inner::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(whole) => whole.size_hint(),
            Inner::Stream(stream) => stream.size_hint(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// `value` as JSON.
///
/// # Errors
/// A value that JSON cannot hold: our bug.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answered {
    let bytes = serde_json::to_vec(value)
        .map_err(|error| Error::internal(format!("an answer is not JSON: {error}")))?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(response)
}

/// `value` as JSON with status 200.
///
/// # Errors
/// As [`json`].
pub(crate) fn ok(value: &impl Serialize) -> Answered {
    json(StatusCode::OK, value)
}

/// `value`, which holds a secret, as JSON that nobody on the way may keep.
///
/// # Errors
/// As [`json`].
pub(crate) fn secret(value: &impl Serialize) -> Answered {
    let mut response = ok(value)?;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// A status without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Sets a header whose value was made from our own data.
///
/// # Errors
/// A value with control characters: our bug, since names are checked at the door.
pub(crate) fn set(
    response: &mut Response<Body>,
    name: HeaderName,
    value: String,
) -> Result<(), Refusal> {
    let value = HeaderValue::try_from(value)
        .map_err(|_| Error::internal(format!("the value of header {name} is not one")))?;
    response.headers_mut().insert(name, value);
    Ok(())
}
