//! Why a request gets no answer of a replica.
//!
//! Each refusal knows its status, who caused it and what would help. Nothing in
//! here holds a key or a part of a body.

use std::{fmt, time::Duration};

use http::StatusCode;

/// Who caused a refusal; goes to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The caller sent something wrong.
    Client,
    /// The model's replica failed, or is too busy.
    Replica,
    /// The router itself is at a limit.
    Router,
}

impl Side {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Replica => "replica",
            Self::Router => "router",
        }
    }
}

/// What an endpoint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// One of its two keys.
    Key,
    /// A token that was issued for it.
    Token,
}

impl Credential {
    /// What helps who has a wrong one.
    fn hint(self) -> &'static str {
        match self {
            Self::Key => "",
            Self::Token => " Get one from the service's token address (get_access_token).",
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Token => "token",
        })
    }
}

/// What goes wrong with a body while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    /// More bytes than allowed.
    #[error("The request body is larger than {0} bytes, the most that is accepted.")]
    TooLarge(u64),
    /// Too few bytes in a while.
    #[error("The request body came slower than {rate} bytes a second over {seconds} seconds.")]
    TooSlow {
        /// Bytes a second that are asked for.
        rate: u64,
        /// Over how long.
        seconds: u64,
    },
    /// The connection ended or the framing is broken.
    #[error("The request body ended early or is not framed well.")]
    Broken,
}

/// A request that is not answered by a replica.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "There is nothing at this path. A service is scored at /api/v1/service/<name>/score, its \
         description is at /api/v1/service/<name>/swagger.json."
    )]
    UnknownPath,
    #[error("There is no service named '{0}' here.")]
    UnknownEndpoint(String),
    #[error("The method {method} is not allowed here; allowed: {allow}.")]
    Method { method: String, allow: &'static str },
    #[error("The Authorization header is missing. Send 'Authorization: Bearer <{0}>'.")]
    CredentialMissing(Credential),
    #[error("The Authorization header is not of the form 'Bearer <{0}>'.")]
    CredentialMalformed(Credential),
    #[error("The {0} in the Authorization header is not a {0} of this service.{hint}", hint = .0.hint())]
    CredentialWrong(Credential),
    #[error(
        "The token in the Authorization header has expired or is not good yet. Get a fresh one."
    )]
    TokenOutOfTime,
    #[error("Path and query have {length} bytes; at most {limit} are accepted.")]
    UriTooLong { length: usize, limit: usize },
    #[error("The header fields exceed a limit: {0}.")]
    HeadTooLarge(String),
    #[error("{0}")]
    Ambiguous(&'static str),
    #[error("{0}")]
    Body(#[from] BodyFault),
    #[error("The router holds as many request bodies as it may; try again.")]
    BodiesFull,
    #[error("No deployment of this service is ready to serve yet.")]
    NothingServes,
    #[error("All replicas are busy and {limit} requests wait already, the most that may.")]
    QueueFull { limit: usize },
    #[error(
        "All replicas were busy for {} ms, the longest that a request of this service may wait \
         (max_request_wait_time).", .0.as_millis()
    )]
    WaitedTooLong(Duration),
    #[error(
        "No replica is ready: none came within {} ms, the longest that a request of this service \
         may wait (max_request_wait_time).", .0.as_millis()
    )]
    NoReplica(Duration),
    #[error("Scoring timeout after {} ms", .0.as_millis())]
    ScoringTimeout(Duration),
    #[error(
        "The replica that worked on this request died or closed the connection before it \
         answered. The request may have been executed and was not sent again."
    )]
    ReplicaDied,
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::UnknownPath | Self::UnknownEndpoint(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::CredentialMissing(_)
            | Self::CredentialMalformed(_)
            | Self::CredentialWrong(_)
            | Self::TokenOutOfTime => StatusCode::UNAUTHORIZED,
            Self::UriTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Ambiguous(_) | Self::Body(BodyFault::Broken) => StatusCode::BAD_REQUEST,
            Self::Body(BodyFault::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyFault::TooSlow { .. }) => StatusCode::REQUEST_TIMEOUT,
            Self::BodiesFull
            | Self::NothingServes
            | Self::QueueFull { .. }
            | Self::WaitedTooLong(_)
            | Self::NoReplica(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::ScoringTimeout(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::ReplicaDied => StatusCode::BAD_GATEWAY,
        }
    }

    pub(crate) fn side(&self) -> Side {
        match self {
            Self::BodiesFull => Side::Router,
            _ if self.status().is_client_error() => Side::Client,
            _ => Side::Replica,
        }
    }

    /// The connection cannot be used for a further request, since nobody knows
    /// where the next one starts or when the rest of the body will come.
    pub(crate) fn closes(&self) -> bool {
        matches!(
            self,
            Self::Body(_) | Self::Ambiguous(_) | Self::UriTooLong { .. } | Self::HeadTooLarge(_)
        )
    }
}

/// The router cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener has no address.
    #[error("the scoring listener cannot be used: {0}")]
    Listener(#[from] std::io::Error),
}
