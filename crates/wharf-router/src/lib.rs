//! The road of one scoring request.
//!
//! ```text
//!  client                                                                replica
//!    │  listen     a connection, if there is room                           ▲
//!    │  tls        a handshake, in time                                     │
//!    ▼  lookup     path, method, head within limits; the route by name      │
//!    │  authenticate  a key of the endpoint, or a token for it              │
//!    │  body       a small body is read, a large one left to stream         │
//!    │  split      a deployment, by weight                                  │
//!    │  admit      a slot of the least loaded replica,                      │
//!    │  queue      or a place in the queue, for a while                     │
//!    │  forward ────────────────────────────────────────────────────────────┘
//!    │  retry      at another replica, only if nothing was sent
//!    │  respond    500 → 502, timeouts → 504, ids on everything
//!    ▼  count
//! ```
//!
//! [`Shared::answer`], [`Shared::way`] and [`Shared::score`] walk it; each phase has a file. The
//! request path reads one immutable snapshot ([`table`]) that [`source`] swaps
//! in, so it needs neither the control plane nor a lock for a look-up. [`scaler`]
//! looks at the load beside it; [`autoscale`] decides.

mod admit;
mod authenticate;
mod autoscale;
mod balance;
mod body;
mod breaker;
mod drain;
mod error;
mod forward;
mod listen;
mod load;
mod lookup;
mod metrics;
mod patience;
mod queue;
mod replica;
mod respond;
mod scaler;
mod settings;
mod source;
mod split;
mod stream;
mod table;
mod tls;
mod token;

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, Uri, Version, header, request::Parts};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use wharf_core::clock::Clock;

use crate::{
    admit::Refused,
    body::{Budget, Prepared},
    error::Refusal,
    forward::{Failed, Head},
    lookup::{Action, Name, Place},
    respond::{AnswerBody, Ids},
    table::{Current, Entry},
    token::Remembered,
};
pub use crate::{
    error::StartError,
    listen::{Router, RouterHandle, RouterSettings},
    metrics::{Counted, Counters},
    scaler::Scaler,
    settings::Limits,
};

/// Replicas that one request is offered to.
const MOST_TRIES: usize = 4;

/// Longest body that is skipped to keep a connection after a refusal.
const SKIPPED_BODY: u64 = 64 * 1024;

/// Times that a request that waits is sent to look its route up again.
const MOST_MOVES: usize = 16;

/// What comes of a head.
enum Way<'a> {
    /// An answer of the router's own.
    Here(Response<AnswerBody>),
    /// A replica of the endpoint of that name.
    Replica(Name<'a>, Action, Arc<Entry>),
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) current: Arc<Current>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) remembered: Remembered,
}

impl Shared {
    /// One request, from its head to its answer; counted and logged.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let ids = Ids::of(&parts.headers);
        let is_http1 = parts.version < Version::HTTP_2;
        // A refusal may leave the body unread; a long one is not waited for.
        let hint = body.size_hint();
        let is_long = hint.upper().is_none_or(|upper| upper > SKIPPED_BODY);
        let uri = parts.uri.clone();
        let answered = match self.way(&uri, &parts, &ids) {
            Ok(way) => self.walk(way, parts, body, &ids).await,
            Err(refusal) => {
                if !is_http1 {
                    self.skip(body);
                }
                Err(refusal)
            }
        };
        let (response, side) = match answered {
            Ok(response) => (response, "replica"),
            Err(refusal) => {
                let closes = is_http1 && (is_long || refusal.closes());
                (
                    respond::refuse(&refusal, &ids, closes),
                    refusal.side().as_str(),
                )
            }
        };
        let status = response.status();
        self.counters.answered(status);
        let milliseconds = started.elapsed().as_millis();
        // The query is left out: it may hold a caller's data.
        if status.is_success() {
            tracing::debug!(request = %ids.request, path = uri.path(), %status, milliseconds, "answered");
        } else {
            tracing::info!(
                request = %ids.request, path = uri.path(), %status, side, milliseconds, "not served"
            );
        }
        response
    }

    /// Reads what was refused over HTTP/2 to its end, beside the answer: a stream that
    /// is reset instead is taken by some clients for the end of the whole exchange.
    /// Over HTTP/1 the connection lingers ([`patience`]).
    fn skip(&self, mut rest: Incoming) {
        if !rest.is_end_stream() {
            tokio::spawn(timeout(self.limits.linger, async move {
                while let Some(Ok(_)) = rest.frame().await {}
            }));
        }
    }

    /// Where the path leads, for somebody who may go there; all that can be told
    /// before the body is read.
    fn way<'a>(&self, uri: &'a Uri, parts: &Parts, ids: &Ids) -> Result<Way<'a>, Refusal> {
        lookup::check_head(parts, &self.limits)?;
        let (name, action) = match lookup::place(&parts.method, uri.path())? {
            Place::Root => return Ok(Way::Here(respond::health(true, ids))),
            Place::Endpoint(name, action) => (name, action),
        };
        let entry = self.find(name)?;
        let (clock, remembered) = (&*self.clock, &self.remembered);
        entry
            .authenticator
            .admit(&parts.headers, clock, remembered)?;
        if action == Action::Health {
            let is_healthy = entry
                .targets
                .iter()
                .any(|target| target.workload.has_replica());
            return Ok(Way::Here(respond::health(is_healthy, ids)));
        }
        Ok(Way::Replica(name, action, entry))
    }

    async fn walk(
        &self,
        way: Way<'_>,
        parts: Parts,
        body: Incoming,
        ids: &Ids,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let (name, action, entry) = match way {
            Way::Here(response) => return Ok(response),
            Way::Replica(name, action, entry) => (name, action, entry),
        };
        let prepared = body::prepare(body, &self.limits, &self.budget).await?;
        let head = replica_head(parts, action, ids)?;
        self.score(name, action, entry, &head, prepared, ids).await
    }

    /// The phases that may come twice: after a route moved, or when a replica
    /// turned out to be gone before anything was sent to it.
    async fn score(
        &self,
        name: Name<'_>,
        action: Action,
        mut entry: Arc<Entry>,
        head: &Head,
        mut prepared: Prepared,
        ids: &Ids,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let arrived = Instant::now();
        let mut avoid = Vec::new();
        let mut moves = 0;
        loop {
            let targets = &entry.targets;
            let chosen = split::choose(targets, action, &ids.request);
            let target = chosen.ok_or(Refusal::NothingServes)?;
            let (target, admitted) = split::admit(targets, target, arrived, &avoid).await;
            let max_wait = target.max_wait;
            self.counters.waited(arrived.elapsed());
            let slot = match admitted {
                Ok(slot) => slot,
                Err(Refused::Moved) if moves < MOST_MOVES => {
                    moves += 1;
                    entry = self.find(name)?;
                    continue;
                }
                Err(refused) => return Err(refusal(&refused, max_wait)),
            };
            let replica = Arc::clone(slot.replica());
            let timeout = target.scoring_timeout;
            match forward::forward(slot, head, &mut prepared, timeout, &self.limits).await {
                Ok((parts, _)) if respond::is_timeout(&parts) => {
                    return Err(Refusal::ScoringTimeout(timeout));
                }
                Ok((parts, body)) => return Ok(respond::pass_on(parts, body, ids)),
                Err(Failed::Sent(refusal)) => return Err(refusal),
                Err(Failed::Unsent(error)) => {
                    tracing::info!(
                        request = %ids.request, replica = replica.id(), error, "replica not reached"
                    );
                    avoid.push(replica);
                    if avoid.len() >= MOST_TRIES {
                        return Err(Refusal::NoReplica(max_wait));
                    }
                    self.counters.retried();
                    entry = self.find(name)?;
                }
            }
        }
    }

    fn find(&self, name: Name<'_>) -> Result<Arc<Entry>, Refusal> {
        let snapshot = self.current.load();
        snapshot
            .find(name)
            .map(Arc::clone)
            .ok_or_else(|| lookup::unknown_endpoint(name))
    }
}

fn refusal(refused: &Refused, max_wait: Duration) -> Refusal {
    match *refused {
        Refused::QueueFull(limit) => Refusal::QueueFull { limit },
        Refused::StayedBusy => Refusal::WaitedTooLong(max_wait),
        Refused::NoReplica | Refused::Moved => Refusal::NoReplica(max_wait),
    }
}

/// The head that a replica gets: its own path, no key, nothing that speaks of the
/// client's connection. How long the body is, its framing says.
fn replica_head(mut parts: Parts, action: Action, ids: &Ids) -> Result<Head, Refusal> {
    let host = parts
        .uri
        .authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let path = action.replica_path();
    let uri = match parts.uri.query() {
        None => Uri::from_static(path),
        Some(query) => format!("{path}?{query}")
            .parse()
            .map_err(|_| Refusal::Ambiguous("The query holds characters that a URL may not."))?,
    };
    let headers = &mut parts.headers;
    respond::drop_hop_by_hop(headers);
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::EXPECT);
    match host {
        Some(host) => headers.insert(header::HOST, host),
        None if headers.contains_key(header::HOST) => None,
        None => headers.insert(header::HOST, HeaderValue::from_static("replica")),
    };
    ids.put_on_request(headers);
    Ok(Head {
        method: parts.method,
        uri,
        headers: parts.headers,
    })
}
