//! What a request is refused with, before a surface has dressed it.
//!
//! Handlers return [`wharf_core::Error`] with `?` and never think of statuses; a
//! surface that has words of its own for something makes a [`Refusal`] itself.

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use wharf_core::{Error, Kind, finding::Finding};

/// A refusal: what every surface needs to render it.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The status, the same on all surfaces.
    pub(crate) status: StatusCode,
    /// A stable word for programs, as ARM has it.
    pub(crate) code: &'static str,
    /// What is wrong and what would be right.
    pub(crate) message: String,
    /// One per broken rule.
    pub(crate) details: Vec<Finding>,
    /// What was looked for, where that is the matter.
    pub(crate) kind: Option<Kind>,
    /// Headers of the answer; few, so that a refusal stays small to pass on.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log alone.
    pub(crate) inside: Option<String>,
    /// The proof was signed with a key that is not ours any more.
    pub(crate) stale_key: bool,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
            kind: None,
            headers: Vec::new(),
            inside: None,
            stale_key: false,
        }
    }

    /// One broken rule of the request.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Error::invalid(field, message).into()
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn no_route(path: &str) -> Self {
        Self {
            kind: Some(Kind::Route),
            ..Self::new(
                StatusCode::NOT_FOUND,
                "NotFound",
                format!("this server has no route `{path}`"),
            )
        }
    }

    /// The path is known, the method is not.
    pub(crate) fn wrong_method(method: &Method, allowed: &[Method]) -> Self {
        let allowed: Vec<_> = allowed.iter().map(Method::as_str).collect();
        let allowed = allowed.join(", ");
        let message = format!("method {method} is not allowed here; allowed: {allowed}");
        let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
        match HeaderValue::try_from(allowed) {
            Ok(value) => refusal.with_header(header::ALLOW, value),
            Err(_) => refusal,
        }
    }

    pub(crate) fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "RequestTimeout",
            "the body of the request arrived too slowly",
        )
        .with_header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    pub(crate) fn broken_off() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContent",
            "the body of the request broke off",
        )
    }
}

/// Seconds after which a client may try again what was not available.
const TRY_AGAIN: HeaderValue = HeaderValue::from_static("2");

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let new = |status, code| Self::new(status, code, message);
        match error {
            Error::NotFound { kind, .. } => Self {
                kind: Some(kind),
                ..new(StatusCode::NOT_FOUND, not_found_code(kind))
            },
            Error::Conflict { kind, .. } => Self {
                kind: Some(kind),
                ..new(StatusCode::CONFLICT, "Conflict")
            },
            Error::Invalid(details) => Self {
                details,
                ..new(StatusCode::BAD_REQUEST, "ValidationError")
            },
            Error::Unauthenticated { stale_key, .. } => Self {
                stale_key,
                ..new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken")
            },
            Error::Forbidden { .. } => new(StatusCode::FORBIDDEN, "AuthorizationFailed"),
            Error::TooLarge { .. } => new(StatusCode::PAYLOAD_TOO_LARGE, "RequestContentTooLarge"),
            Error::QuotaExceeded(_) => new(StatusCode::CONFLICT, "QuotaExceeded"),
            Error::Precondition { .. } => {
                new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed")
            }
            Error::Unsupported { .. } => new(StatusCode::BAD_REQUEST, "NotSupported"),
            Error::Unavailable { inside, .. } => Self {
                inside: Some(inside),
                ..new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
                    .with_header(header::RETRY_AFTER, TRY_AGAIN)
            },
            Error::Internal { inside } => Self {
                inside: Some(inside),
                ..new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError")
            },
        }
    }
}

/// ARM's words for what is not there.
fn not_found_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Subscription => "SubscriptionNotFound",
        Kind::ResourceGroup => "ResourceGroupNotFound",
        Kind::TemplateDeployment => "DeploymentNotFound",
        Kind::Workspace | Kind::Compute | Kind::ManagedCluster => "ResourceNotFound",
        _ => "NotFound",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_for_the_log_alone() {
        for (error, status) in [
            (Error::internal("the row 7"), 500),
            (
                Error::Unavailable {
                    what: "the store",
                    inside: "the row 7".to_owned(),
                },
                503,
            ),
        ] {
            let refusal = Refusal::from(error);
            assert_eq!(refusal.status, status);
            assert!(!refusal.message.contains("row 7"), "{}", refusal.message);
            assert_eq!(refusal.inside.as_deref(), Some("the row 7"));
        }
    }

    #[test]
    fn only_our_own_faults_are_5xx() {
        for error in [
            Error::not_found(Kind::Compute, "x"),
            Error::conflict(Kind::Compute, "x", "y"),
            Error::invalid("x", "y"),
            Error::Unauthenticated {
                why: String::new(),
                stale_key: false,
            },
            Error::Forbidden { why: String::new() },
            Error::TooLarge {
                what: "the body",
                limit: 1,
            },
            Error::Precondition { why: String::new() },
            Error::QuotaExceeded(wharf_core::quota::OverQuota {
                quota: wharf_core::quota::Quota::Models,
                used: 1,
                most: 1,
            }),
            Error::Unsupported {
                what: String::new(),
            },
        ] {
            let text = error.to_string();
            assert!(Refusal::from(error).status.is_client_error(), "{text}");
        }
    }
}
