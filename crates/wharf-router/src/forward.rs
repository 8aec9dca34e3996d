//! One request to one replica, and its answer.
//!
//! A slot stays taken until the replica is really done, also when the client has
//! left or the time is over: the script runs on, and a second request would only
//! wait inside the replica where nobody counts it.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, Uri, response::Parts};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, client::conn::TrySendError};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::{
    admit::Slot,
    body::{Prepared, ReplicaBody, Upload},
    breaker::Outcome,
    error::Refusal,
    replica::Connection,
    respond::AnswerBody,
    settings::Limits,
    stream,
};

/// How long after the scoring timeout a replica may take to end the script. The
/// scorer kills a worker that is 2 s late.
const GRACE: Duration = Duration::from_secs(3);

/// Answers up to this size are read before the client gets them, so that a slow
/// reader holds no slot and a replica's death is still told by the status.
const WHOLE_ANSWER: u64 = 1024 * 1024;

/// Longest silence within an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// The head that goes to a replica.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Nothing of the request reached the replica: another one may have it.
    Unsent(String),
    /// It may have been executed.
    Sent(Refusal),
}

type Sending = Pin<
    Box<dyn Future<Output = Result<Response<Incoming>, TrySendError<Request<ReplicaBody>>>> + Send>,
>;

/// A request that a replica has. When it is dropped before the answer came, a
/// task waits in its stead, so that the slot is not given to another too early.
struct InFlight {
    parts: Option<(Sending, Slot, Connection)>,
    until: Instant,
    /// How long a script may go on with an answer that nobody wants.
    abandoned: Duration,
}

impl InFlight {
    async fn answer(
        mut self,
        deadline: impl Future<Output = ()>,
    ) -> Option<(
        Result<Response<Incoming>, TrySendError<Request<ReplicaBody>>>,
        Slot,
        Connection,
    )> {
        let result = {
            let (sending, ..) = self.parts.as_mut()?;
            tokio::select! {
                biased;
                result = sending.as_mut() => result,
                () = deadline => {
                    self.until = Instant::now() + GRACE;
                    return None;
                }
            }
        };
        let (_, slot, connection) = self.parts.take()?;
        Some((result, slot, connection))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Some((sending, mut slot, connection)) = self.parts.take() else {
            return;
        };
        let (until, patience) = (self.until, self.abandoned);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            match timeout_at(until, sending).await {
                Ok(Ok(response)) => {
                    slot.note(Outcome::Good);
                    let body = response.into_body();
                    stream::run_out(body, slot, connection, patience).await;
                }
                // The client may have cut its own body.
                Ok(Err(_)) => {}
                Err(_) => slot.note(Outcome::Bad),
            }
        });
    }
}

/// Sends a request and gets the answer's head and body.
pub(crate) async fn forward(
    mut slot: Slot,
    head: &Head,
    prepared: &mut Prepared,
    scoring_timeout: Duration,
    limits: &Limits,
) -> Result<(Parts, AnswerBody), Failed> {
    loop {
        let replica = Arc::clone(slot.replica());
        let pooled = replica.pooled().await;
        let is_pooled = pooled.is_some();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => match replica.dial().await {
                Ok(connection) => connection,
                Err(error) => {
                    slot.note(Outcome::Bad);
                    return Err(Failed::Unsent(error.to_string()));
                }
            },
        };
        let (body, mut upload) = prepared.body();
        let fault = upload.as_ref().map(|upload| Arc::clone(&upload.fault));
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = head.uri.clone();
        *request.headers_mut() = head.headers.clone();
        let before = connection.written();
        let sending: Sending = Box::pin(connection.sender.try_send_request(request));
        let in_flight = InFlight {
            parts: Some((sending, slot, connection)),
            until: Instant::now() + scoring_timeout + GRACE,
            abandoned: scoring_timeout + GRACE,
        };
        let answered = in_flight
            .answer(time_is_over(upload.as_mut(), scoring_timeout))
            .await;
        let Some((result, returned, connection)) = answered else {
            return Err(Failed::Sent(Refusal::ScoringTimeout(scoring_timeout)));
        };
        slot = returned;
        match result {
            Ok(response) => {
                let patience = stream::Patience {
                    silence: SILENCE,
                    stall: limits.write_stall,
                    abandoned: scoring_timeout + GRACE,
                };
                return receive(response, slot, connection, patience)
                    .await
                    .map_err(Failed::Sent);
            }
            Err(mut error) => {
                if let Some(fault) = fault.as_ref().and_then(|fault| fault.get()) {
                    return Err(Failed::Sent(Refusal::Body(*fault)));
                }
                if let Some(message) = error.take_message() {
                    prepared.put_back(message.into_body());
                }
                let is_unsent = prepared.is_here() && connection.written() == before;
                if is_unsent && is_pooled {
                    // It was closed while it idled; that is no failure.
                    continue;
                }
                slot.note(Outcome::Bad);
                let error = error.into_error();
                tracing::debug!(replica = replica.id(), %error, is_unsent, "no answer");
                return Err(if is_unsent {
                    Failed::Unsent(error.to_string())
                } else {
                    Failed::Sent(Refusal::ReplicaDied)
                });
            }
        }
    }
}

/// The scoring timeout runs from when the replica has the whole body.
async fn time_is_over(upload: Option<&mut Upload>, scoring_timeout: Duration) {
    if let Some(upload) = upload {
        // An error is the sender's being dropped, which is how it tells.
        let _ = (&mut upload.sent).await;
    }
    sleep(scoring_timeout).await;
}

/// Reads a body that is small enough; `None` when it is not.
async fn read_whole(mut body: Incoming) -> Option<Result<Bytes, hyper::Error>> {
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    if first.is_empty() && more.is_empty() {
                        first = data;
                        continue;
                    }
                    if more.is_empty() {
                        more.extend_from_slice(&first);
                    }
                    more.extend_from_slice(&data);
                    if more.len() as u64 > WHOLE_ANSWER {
                        return None;
                    }
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(if more.is_empty() {
        first
    } else {
        more.freeze()
    }))
}

async fn receive(
    response: Response<Incoming>,
    mut slot: Slot,
    connection: Connection,
    patience: stream::Patience,
) -> Result<(Parts, AnswerBody), Refusal> {
    let (parts, body) = response.into_parts();
    let length = http_body::Body::size_hint(&body).exact();
    if length.is_none_or(|length| length > WHOLE_ANSWER) {
        slot.note(Outcome::Good);
        let body = stream::relay(body, slot, connection, patience, length);
        return Ok((parts, body));
    }
    let read = timeout(SILENCE, read_whole(body)).await;
    match read {
        Ok(Some(Ok(bytes))) => {
            slot.note(Outcome::Good);
            slot.replica().keep(connection);
            Ok((parts, AnswerBody::whole(bytes)))
        }
        _ => {
            slot.note(Outcome::Bad);
            Err(Refusal::ReplicaDied)
        }
    }
}
