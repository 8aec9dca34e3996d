//! What ties an answer to a line of the log.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
const CLIENT_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const RETURN_CLIENT_ID: HeaderName = HeaderName::from_static("x-ms-return-client-request-id");
/// Longest id of a client that is repeated, in bytes.
const LONGEST: usize = 128;

/// Ids of one request.
pub(crate) struct RequestId {
    text: String,
    correlation: Option<HeaderValue>,
    client: Option<HeaderValue>,
}

impl RequestId {
    /// A fresh id, with those that the client sent along.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let sent = |name: &HeaderName| {
            let value = headers.get(name)?;
            let text = value.to_str().ok()?;
            (!text.is_empty() && text.len() <= LONGEST).then(|| value.clone())
        };
        let is_wanted = headers
            .get(&RETURN_CLIENT_ID)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        Self {
            text: Uuid::new_v4().hyphenated().to_string(),
            correlation: sent(&CORRELATION_ID),
            client: if is_wanted { sent(&CLIENT_ID) } else { None },
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What ties several calls together: the client's word for it, or this id.
    pub(crate) fn correlation(&self) -> &str {
        let sent = self
            .correlation
            .as_ref()
            .and_then(|value| value.to_str().ok());
        sent.unwrap_or(&self.text)
    }

    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&self.text) {
            let correlation = self.correlation.clone().unwrap_or_else(|| id.clone());
            headers.insert(CORRELATION_ID, correlation);
            headers.insert(REQUEST_ID, id);
        }
        if let Some(client) = &self.client {
            headers.insert(CLIENT_ID, client.clone());
        }
    }
}
