//! Which answer a request gets: health and swagger from memory, `/score` from a
//! worker. A busy worker never delays the former two.
//!
//! The statuses, messages and headers are those of azureml-inference-server-http
//! 1.5.1, observed; scripts, clients and monitors know them. Knowingly different:
//! `sys.exit` in `run` and a dead worker are a 500 with a JSON message (there: a
//! bare page, or nothing), `GET /` before `init` ends is 503 (there: it hangs),
//! and a body has a largest size.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::{
    cors::Cors,
    identity::Identity,
    log::ReplicaLog,
    pool::{Pool, PoolError},
    reply::{Reply, ReplyBody, json, mark, message, options, page, retry},
    worker::{Answer, Call, CallError},
};

const EXEC_MS: HeaderName = HeaderName::from_static("x-ms-run-fn-exec-ms");
/// Tells the router that a 500 is a timeout; ours, not Azure's.
const TIMED_OUT: HeaderName = HeaderName::from_static("x-wharf-scoring-timeout");

/// Longest request target, in bytes; gunicorn's limit of 4094 is on the line.
const LONGEST_TARGET: usize = 4094;
/// Longest header field, in bytes; gunicorn's limit.
const LONGEST_FIELD: usize = 8190;

/// Most bytes of a refused body that are read and thrown away: a client that still
/// sends would not see the answer if its connection were cut.
const SKIPPED: u64 = 512 << 20;
/// How long that may take.
const SKIPPING: Duration = Duration::from_secs(15);

const RUN_MESSAGE: &str =
    "An unexpected error occurred in scoring script. Check the logs for more info.";
const NOT_FOUND: &str = "The requested URL was not found on the server. If you entered \
                         the URL manually please check your spelling and try again.";
const NOT_ALLOWED: &str = "The method is not allowed for the requested URL.";

/// What the routes need.
pub(crate) struct Routes {
    pub(crate) pool: Pool,
    pub(crate) cors: Cors,
    pub(crate) log: ReplicaLog,
    pub(crate) max_body_bytes: u64,
    /// Requests that may be held in memory at once, bodies included.
    pub(crate) admission: tokio::sync::Semaphore,
}

impl Routes {
    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (head, body) = request.into_parts();
        if head
            .uri
            .path_and_query()
            .is_some_and(|it| it.as_str().len() > LONGEST_TARGET)
        {
            return message(StatusCode::URI_TOO_LONG, "The request line is too long.");
        }
        let is_long = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() > LONGEST_FIELD
        };
        if head.headers.iter().any(is_long) {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return message(status, "A header field is too long.");
        }
        let path = head.uri.path();
        let path = format!("/{}", path.trim_start_matches('/'));
        let method = head.method.clone();
        let is_known = match path.as_str() {
            "/" | "/swagger.json" => matches!(method, Method::GET | Method::HEAD | Method::OPTIONS),
            "/score" => matches!(
                method,
                Method::GET | Method::HEAD | Method::POST | Method::OPTIONS
            ),
            // These two carry no request ids, as in Azure's server.
            _ => return bare(StatusCode::NOT_FOUND, NOT_FOUND),
        };
        if !is_known {
            return bare(StatusCode::METHOD_NOT_ALLOWED, NOT_ALLOWED);
        }
        let identity = match Identity::read(&head.headers) {
            Ok(identity) => identity,
            Err(refusal) => {
                let (identity, text) = *refusal;
                let mut reply = message(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text);
                mark(&mut reply, Some(false));
                identity.write(reply.headers_mut());
                return reply;
            }
        };
        let mut reply = match path.as_str() {
            "/" if method == Method::OPTIONS => options(&["GET", "HEAD", "OPTIONS"]),
            "/" => self.health(),
            "/swagger.json" if method == Method::OPTIONS => options(&["GET", "HEAD", "OPTIONS"]),
            "/swagger.json" => self.swagger(head.uri.query()),
            _ => self.score(&head, &path, body).await,
        };
        let is_preflight = method == Method::OPTIONS;
        self.cors
            .write(is_preflight, &head.headers, reply.headers_mut());
        identity.write(reply.headers_mut());
        reply
    }

    fn health(&self) -> Reply {
        if self.pool.is_ready() {
            page(StatusCode::OK, "Healthy")
        } else {
            page(StatusCode::SERVICE_UNAVAILABLE, "Starting")
        }
    }

    fn swagger(&self, query: Option<&str>) -> Reply {
        let Some(facts) = self.pool.facts() else {
            return message(
                StatusCode::SERVICE_UNAVAILABLE,
                &PoolError::Loading.to_string(),
            );
        };
        let pairs = query.unwrap_or_default().split('&');
        let version = pairs
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(name, value)| (name == "version").then_some(value))
            .unwrap_or("2");
        let key = match version {
            "2.0" => "2",
            "3.0" => "3",
            other => other,
        };
        let mut reply = match facts.swagger.get(key) {
            Some(document) => json(StatusCode::OK, document.clone()),
            None => {
                let known: Vec<&str> = facts.swagger.keys().map(String::as_str).collect();
                let known = known.join(", ");
                let text = if matches!(key, "2" | "3" | "3.1") {
                    format!(
                        "Swagger version [{version}] is not supported for the scoring \
                         script. Supported swagger versions: [{known}]."
                    )
                } else {
                    format!(
                        "Swagger version [{version}] is not valid. Supported versions: [{known}]."
                    )
                };
                message(StatusCode::NOT_FOUND, &text)
            }
        };
        mark(&mut reply, Some(false));
        reply
    }

    async fn score(&self, head: &http::request::Parts, path: &str, body: Incoming) -> Reply {
        let started = Instant::now();
        let Some(facts) = self.pool.facts() else {
            let text = PoolError::Loading.to_string();
            return retry(message(StatusCode::SERVICE_UNAVAILABLE, &text));
        };
        if !facts.is_raw && head.method == Method::OPTIONS {
            let mut reply = options(&["GET", "HEAD", "OPTIONS", "POST"]);
            mark(&mut reply, Some(false));
            return reply;
        }
        if !facts.is_raw && head.method == Method::HEAD {
            let mut reply = message(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
            mark(&mut reply, Some(false));
            return reply;
        }
        let declared = head.headers.get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > self.max_body_bytes) {
            if !head.headers.contains_key(header::EXPECT) {
                skip(body).await;
            }
            return self.too_large();
        }
        // Closed never; the bound keeps bodies out of memory until their turn.
        let Ok(_permit) = self.admission.acquire().await else {
            return message(StatusCode::SERVICE_UNAVAILABLE, "The replica is stopping.");
        };
        let body = match self.read(body).await {
            Ok(body) => body,
            Err(reply) => return *reply,
        };
        let call = Call {
            method: head.method.to_string(),
            path: path.to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: latin1(&head.headers),
            body,
        };
        let reply = match self.pool.run(call).await {
            Ok(answer) => self.checked(answer),
            Err(error) => self.without_answer(&error),
        };
        self.log.info(&format!(
            "{} /score {} {:.3}ms {}",
            head.method,
            reply.status().as_u16(),
            started.elapsed().as_secs_f64() * 1000.0,
            http_body::Body::size_hint(reply.body())
                .exact()
                .map_or_else(|| "streamed".to_owned(), |size| size.to_string()),
        ));
        reply
    }

    /// Reads a body of which the length may be unknown.
    async fn read(&self, mut body: Incoming) -> Result<Bytes, Box<Reply>> {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                let text = "The body did not arrive.";
                return Err(Box::new(message(StatusCode::BAD_REQUEST, text)));
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            size += data.len() as u64;
            if size > self.max_body_bytes {
                drop((first, all));
                skip(body).await;
                return Err(Box::new(self.too_large()));
            }
            // One piece is the common case and is not copied.
            if first.is_empty() && all.is_empty() {
                first = data;
                continue;
            }
            if all.is_empty() {
                let known = http_body::Body::size_hint(&body).lower();
                let known = usize::try_from(known).unwrap_or(0);
                all.reserve(first.len() + data.len() + known);
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&data);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }

    fn too_large(&self) -> Reply {
        let text = format!("The body must not exceed {} bytes.", self.max_body_bytes);
        let mut reply = message(StatusCode::PAYLOAD_TOO_LARGE, &text);
        mark(&mut reply, Some(false));
        // The rest of the body is not read.
        let close = HeaderValue::from_static("close");
        reply.headers_mut().insert(header::CONNECTION, close);
        reply
    }

    /// Checks what the worker said; a script may have put anything in it.
    fn checked(&self, mut answer: Answer) -> Reply {
        let status = StatusCode::from_u16(answer.status).ok();
        let status = status.filter(|it| (200..600).contains(&it.as_u16()));
        let headers: Option<Vec<_>> = answer
            .headers
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::try_from(name.as_str()).ok()?;
                let value: Option<Vec<u8>> = value
                    .chars()
                    .map(|it| u8::try_from(u32::from(it)).ok())
                    .collect();
                Some((name, HeaderValue::try_from(value?).ok()?))
            })
            .collect();
        let (Some(status), Some(headers)) = (status, headers) else {
            self.log
                .error("run() answered with a status or a header that HTTP does not allow");
            let mut reply = message(StatusCode::INTERNAL_SERVER_ERROR, RUN_MESSAGE);
            mark(&mut reply, Some(true));
            return reply;
        };
        let body = match answer.pieces.take() {
            Some(pieces) => ReplyBody::Pieces(pieces),
            None => ReplyBody::whole(answer.body),
        };
        let mut reply = Response::new(body);
        *reply.status_mut() = status;
        for (name, value) in headers {
            let is_ours = matches!(
                name,
                header::CONTENT_LENGTH
                    | header::TRANSFER_ENCODING
                    | header::CONNECTION
                    | header::UPGRADE
                    | header::TRAILER
            ) || name == "keep-alive"
                || name == TIMED_OUT;
            if !is_ours {
                reply.headers_mut().append(name, value);
            }
        }
        mark(&mut reply, answer.run_failed);
        if let Some(millis) = answer.exec_ms {
            let text = format!("{millis:.3}");
            if let Ok(value) = HeaderValue::try_from(text) {
                reply.headers_mut().insert(EXEC_MS, value);
            }
        }
        if answer.timed_out {
            let yes = HeaderValue::from_static("true");
            reply.headers_mut().insert(TIMED_OUT, yes);
        }
        reply
    }

    fn without_answer(&self, error: &PoolError) -> Reply {
        let text = error.to_string();
        match error {
            PoolError::Loading | PoolError::Gone => {
                retry(message(StatusCode::SERVICE_UNAVAILABLE, &text))
            }
            PoolError::Call(error) => {
                let mut reply = message(StatusCode::INTERNAL_SERVER_ERROR, &text);
                mark(&mut reply, Some(true));
                if matches!(error, CallError::Timeout(_)) {
                    let yes = HeaderValue::from_static("true");
                    reply.headers_mut().insert(TIMED_OUT, yes);
                }
                reply
            }
        }
    }
}

/// Header values are bytes; JSON carries text. Each byte becomes one character,
/// as Python's WSGI does it. Names with `_` are dropped, as gunicorn does: they
/// would be mistaken for the ones with `-`.
fn latin1(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.as_bytes().iter().map(|it| char::from(*it)).collect();
    headers
        .iter()
        .filter(|(name, _)| !name.as_str().contains('_'))
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

/// An answer without request ids.
fn bare(status: StatusCode, text: &str) -> Reply {
    let mut reply = message(status, text);
    mark(&mut reply, Some(false));
    reply
}

/// Reads the rest of a body for nothing, within bounds.
async fn skip(mut body: Incoming) {
    let mut skipped = 0;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            skipped += frame.data_ref().map_or(0, |data| data.len() as u64);
            if skipped > SKIPPED {
                return;
            }
        }
    };
    // Either way the connection closes after the answer.
    let _ = timeout(SKIPPING, reading).await;
}
