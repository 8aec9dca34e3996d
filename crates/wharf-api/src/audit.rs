//! What of a request goes into the audit log.
//!
//! Every write, and every call that was denied; reads that went well do not. A call
//! without a good token costs a stranger nothing, so only so many of those are written
//! a second, and the next entry says how many were left out.

use std::{
    net::IpAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    audit::{AuditEntry, LONGEST_AGENT},
    bucket::{Bucket, Rate},
    workspace::Principal,
};

use crate::{authorize::Asked, request_id::RequestId};

/// Entries of calls without a good token.
const STRANGERS: Rate = Rate {
    burst: 600,
    per_second: 10,
};

/// The other end of the connection that brought a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Who came with what, taken down before the request is used up. Most requests leave no
/// entry, so nothing is copied or rendered yet.
pub(crate) struct Origin {
    method: Method,
    address: Option<IpAddr>,
    agent: Option<HeaderValue>,
}

impl Origin {
    pub(crate) fn of(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<Peer>();
        Self {
            method: parts.method.clone(),
            address: peer.map(|peer| peer.0.to_canonical()),
            agent: parts.headers.get(header::USER_AGENT).cloned(),
        }
    }
}

fn agent(sent: Option<&HeaderValue>) -> String {
    let sent = sent.map(|value| String::from_utf8_lossy(value.as_bytes()));
    sent.unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_AGENT)
        .collect()
}

/// What became known of a request on its way.
#[derive(Default)]
pub(crate) struct Trail {
    pub(crate) asked: Option<Asked>,
    pub(crate) principal: Option<Principal>,
    /// It changes nothing that anybody could see, or it never came so far.
    pub(crate) is_left_out: bool,
}

/// How a request ended.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) status: StatusCode,
    pub(crate) code: Option<&'static str>,
}

impl Trail {
    /// Whether there is something to record.
    fn is_wanted(&self, method: &Method, Outcome { status, code }: Outcome) -> bool {
        // OAuth answers a wrong password with 400 (RFC 6749, 5.2).
        let is_denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            || matches!(code, Some("invalid_grant" | "invalid_client"));
        let is_write = !method.is_safe() && !self.is_left_out;
        // Too many at once: nothing was looked at.
        let is_put_off = status == StatusCode::TOO_MANY_REQUESTS;
        (is_denied || is_write) && !is_put_off
    }
}

/// Counts the strangers.
pub(crate) struct Strangers {
    bucket: Mutex<Option<Bucket>>,
    omitted: AtomicU64,
}

impl Strangers {
    pub(crate) fn new() -> Self {
        Self {
            bucket: Mutex::new(None),
            omitted: AtomicU64::new(0),
        }
    }

    /// Whether there is room for one more entry of theirs.
    fn enter(&self, now: Timestamp) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = bucket.get_or_insert_with(|| Bucket::full(STRANGERS, now));
        let is_in = bucket.take(STRANGERS, now).is_ok();
        if !is_in {
            self.omitted.fetch_add(1, Ordering::Relaxed);
        }
        is_in
    }

    /// The entry of a request, if it gets one.
    pub(crate) fn entry(
        &self,
        origin: &Origin,
        trail: Trail,
        outcome: Outcome,
        id: &RequestId,
        now: Timestamp,
    ) -> Option<AuditEntry> {
        if !trail.is_wanted(&origin.method, outcome) {
            return None;
        }
        let asked = trail.asked?;
        if trail.principal.is_none() && outcome.status.is_client_error() && !self.enter(now) {
            return None;
        }
        Some(AuditEntry {
            id: Uuid::new_v4(),
            time: now,
            request: id.as_str().to_owned(),
            correlation: id.correlation().to_owned(),
            principal: trail.principal.as_ref().map(|it| it.id),
            name: trail.principal.map(|it| it.display_name),
            action: asked.action,
            resource: asked.resource,
            method: origin.method.to_string(),
            address: origin.address,
            agent: agent(origin.agent.as_ref()),
            status: outcome.status.as_u16(),
            code: outcome.code.map(str::to_owned),
            omitted: self.omitted.swap(0, Ordering::Relaxed),
        })
    }
}
