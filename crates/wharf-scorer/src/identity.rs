//! Request ids: which of the three headers a client sent decides which three it
//! gets back. Observed on azureml-inference-server-http 1.5.1.

use http::{HeaderMap, HeaderName, HeaderValue};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MS_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const TRACE_ID: HeaderName = HeaderName::from_static("traceid");
const SERVER_VERSION: HeaderName = HeaderName::from_static("x-ms-server-version");

/// Longest id, in bytes.
const LONGEST: usize = 100;

/// The ids of one request, as they go back.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    request: Option<HeaderValue>,
    ms_request: Option<HeaderValue>,
    client: Option<HeaderValue>,
    trace: Option<HeaderValue>,
}

impl Identity {
    /// Reads the ids. An id that is too long is an error: the message, and the
    /// ids that the refusal carries.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Box<(Self, &'static str)>> {
        let get = |name: &HeaderName| headers.get(name).cloned();
        let is_long =
            |value: &Option<HeaderValue>| value.as_ref().is_some_and(|value| value.len() > LONGEST);
        let request = get(&REQUEST_ID);
        if is_long(&request) {
            let message = "x-request-id must not exceed 100 characters";
            return Err(Box::new((Self::default(), message)));
        }
        let request = request.unwrap_or_else(fresh);
        let old = get(&MS_REQUEST_ID);
        let client = get(&CLIENT_REQUEST_ID);
        if is_long(&old) || is_long(&client) {
            let ids = Self {
                request: Some(request),
                ..Self::default()
            };
            let message =
                "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters";
            return Err(Box::new((ids, message)));
        }
        // An empty id counts as none; an empty x-request-id also stops us from
        // making one up.
        let filled = |value: Option<HeaderValue>| value.filter(|it| !it.is_empty());
        let (request, old, client) = (filled(Some(request)), filled(old), filled(client));
        let first = old.clone().or_else(|| client.clone());
        Ok(Self {
            ms_request: first.or_else(|| request.clone()),
            client: client.or(old),
            request,
            trace: get(&TRACE_ID),
        })
    }

    /// Puts the ids and our version on an answer, over what a script set.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let ids = [
            (REQUEST_ID, self.request),
            (MS_REQUEST_ID, self.ms_request),
            (CLIENT_REQUEST_ID, self.client),
            (TRACE_ID, self.trace),
        ];
        for (name, value) in ids {
            match value {
                Some(value) => drop(headers.insert(name, value)),
                None => drop(headers.remove(name)),
            }
        }
        let version = concat!("wharf/", env!("CARGO_PKG_VERSION"));
        headers.insert(SERVER_VERSION, HeaderValue::from_static(version));
    }
}

fn fresh() -> HeaderValue {
    let text = uuid::Uuid::new_v4().to_string();
    // Digits and hyphens are a header value.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_the_ids_that_azure_answers() {
        // sent: x-request-id, x-ms-request-id, x-ms-client-request-id; then what
        // comes back in the same order. `*` is a new id.
        type Row<'a> = ([Option<&'a str>; 3], [Option<&'a str>; 3]);
        let rows: [Row<'_>; 6] = [
            ([None, None, None], [Some("*"), Some("*"), None]),
            ([Some("abc"), None, None], [Some("abc"), Some("abc"), None]),
            (
                [None, Some("old"), None],
                [Some("*"), Some("old"), Some("old")],
            ),
            (
                [None, None, Some("cli")],
                [Some("*"), Some("cli"), Some("cli")],
            ),
            (
                [Some("abc"), Some("old"), Some("cli")],
                [Some("abc"), Some("old"), Some("cli")],
            ),
            ([Some(""), None, None], [None, None, None]),
        ];
        let names = [REQUEST_ID, MS_REQUEST_ID, CLIENT_REQUEST_ID];
        for (sent, expected) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in names.iter().zip(sent) {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_str(value).expect("a value"));
                }
            }
            let mut answer = HeaderMap::new();
            Identity::read(&headers).expect("short").write(&mut answer);
            for (name, value) in names.iter().zip(expected) {
                let got = answer.get(name).map(|it| it.to_str().expect("text"));
                match value {
                    Some("*") => assert_eq!(got.map(str::len), Some(36), "{sent:?} {name}"),
                    value => assert_eq!(got, value, "{sent:?} {name}"),
                }
            }
        }
    }
}
