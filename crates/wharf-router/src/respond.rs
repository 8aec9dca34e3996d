//! What a client gets back: the replica's answer under the router's rules, or a
//! refusal as JSON.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header, response::Parts,
};
use http_body::{Body, Frame, SizeHint};
use uuid::Uuid;

use crate::{error::Refusal, stream::Relayed};

/// Says that a replica's 500 is a scoring timeout.
const TIMEOUT_MARK: HeaderName = HeaderName::from_static("x-wharf-scoring-timeout");
/// The request's own id, new for each.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The older name of it.
const MS_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
/// The caller's id of the request.
const MS_CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
/// Longest part of a caller's id that is kept; as the Azure router does.
const CLIENT_ID: usize = 40;

/// Headers that speak of one connection only (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// In memory.
    Whole(Option<Bytes>),
    /// Still coming from a replica.
    Relayed(Relayed),
}

impl AnswerBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Relayed(relayed) => Pin::new(relayed).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Relayed(relayed) => relayed.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Relayed(relayed) => relayed.size_hint(),
        }
    }
}

/// The ids of one request.
#[derive(Debug)]
pub(crate) struct Ids {
    pub(crate) request: Uuid,
    text: HeaderValue,
    client: Option<HeaderValue>,
}

impl Ids {
    /// A new id, and the caller's own as far as it may be passed on.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let request = Uuid::new_v4();
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = request.hyphenated().encode_lower(&mut buffer);
        Self {
            request,
            // Hex digits and hyphens are a header value.
            text: HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("-")),
            client: headers.get(MS_CLIENT_REQUEST_ID).and_then(cut),
        }
    }

    /// Writes the ids over whatever the client sent.
    pub(crate) fn put_on_request(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.text.clone());
        if let Some(old) = headers.remove(MS_REQUEST_ID).as_ref().and_then(cut) {
            headers.insert(MS_REQUEST_ID, old);
        }
        match &self.client {
            Some(client) => headers.insert(MS_CLIENT_REQUEST_ID, client.clone()),
            None => headers.remove(MS_CLIENT_REQUEST_ID),
        };
    }

    fn put_on_answer(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.text.clone());
        if !headers.contains_key(MS_REQUEST_ID) {
            headers.insert(MS_REQUEST_ID, self.text.clone());
        }
        if let Some(client) = &self.client
            && !headers.contains_key(MS_CLIENT_REQUEST_ID)
        {
            headers.insert(MS_CLIENT_REQUEST_ID, client.clone());
        }
    }
}

/// The first characters of an id; `None` when there is one that may not be in it.
fn cut(value: &HeaderValue) -> Option<HeaderValue> {
    let bytes = value.as_bytes();
    let kept = &bytes[..bytes.len().min(CLIENT_ID)];
    let is_good = !kept.is_empty()
        && kept
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_good {
        HeaderValue::from_bytes(kept).ok()
    } else {
        None
    }
}

/// Takes out what speaks of one connection only, also what `Connection` names.
pub(crate) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Whether the replica ended the request because it took too long.
pub(crate) fn is_timeout(head: &Parts) -> bool {
    head.headers
        .get(TIMEOUT_MARK)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// A replica's answer for the client. A 500 becomes 502, so that a caller can
/// tell a model that failed from a platform that did; the body stays.
pub(crate) fn pass_on(mut head: Parts, body: AnswerBody, ids: &Ids) -> Response<AnswerBody> {
    drop_hop_by_hop(&mut head.headers);
    head.headers.remove(TIMEOUT_MARK);
    if head.status == StatusCode::INTERNAL_SERVER_ERROR {
        head.status = StatusCode::BAD_GATEWAY;
    }
    head.version = Version::HTTP_11;
    ids.put_on_answer(&mut head.headers);
    Response::from_parts(head, body)
}

/// A refusal as an answer. `closes` says in the head that the connection ends;
/// only HTTP/1 has a header for it.
pub(crate) fn refuse(refusal: &Refusal, ids: &Ids, closes: bool) -> Response<AnswerBody> {
    let text = serde_json::json!({ "message": refusal.to_string() }).to_string();
    let mut response = Response::new(AnswerBody::whole(text));
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    match refusal {
        Refusal::Method { allow, .. } => {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        Refusal::CredentialMissing(_)
        | Refusal::CredentialMalformed(_)
        | Refusal::CredentialWrong(_)
        | Refusal::TokenOutOfTime => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ if refusal.status() == StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    if closes {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    ids.put_on_answer(headers);
    response
}

/// The plain answer to a health probe.
pub(crate) fn health(is_healthy: bool, ids: &Ids) -> Response<AnswerBody> {
    let (status, text) = if is_healthy {
        (StatusCode::OK, "Healthy")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "Unhealthy")
    };
    let mut response = Response::new(AnswerBody::whole(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    ids.put_on_answer(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_cut_and_checked() {
        let long = "a".repeat(50);
        for (sent, kept) in [
            ("ab-C_1", Some("ab-C_1")),
            (long.as_str(), Some(&long[..40])),
            ("a b", None),
            ("", None),
        ] {
            let value = HeaderValue::from_str(sent).unwrap();
            assert_eq!(
                cut(&value).as_ref().map(HeaderValue::as_bytes),
                kept.map(str::as_bytes)
            );
        }
    }

    #[test]
    fn connection_headers_and_what_they_name_are_dropped() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("keep-alive", "timeout=5"),
            ("x-kept", "1"),
        ] {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        drop_hop_by_hop(&mut headers);
        assert_eq!(headers.len(), 1);
        assert!(headers.contains_key("x-kept"));
    }
}
