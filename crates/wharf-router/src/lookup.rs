//! What a request is for: the path, the method and the limits of a head.
//!
//! Clients write paths carelessly (`//score`, `/score/`), so empty segments count
//! for nothing. Nothing is decoded: names of endpoints need no escapes.

use http::{HeaderMap, Method, Uri, header, request::Parts};

use uuid::Uuid;
use wharf_core::route::OTHER_WORKSPACES;

use crate::{error::Refusal, settings::Limits};

/// Longest piece of a wrong name that an answer repeats.
const ECHOED: usize = 64;

/// What is asked of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run the model.
    Score,
    /// The description of its inputs and outputs.
    Swagger,
    /// Whether it can serve.
    Health,
}

impl Action {
    fn allow(self) -> &'static str {
        match self {
            Self::Score => "GET, POST, OPTIONS",
            Self::Swagger | Self::Health => "GET",
        }
    }

    /// Path at the replica.
    pub(crate) fn replica_path(self) -> &'static str {
        match self {
            Self::Score => "/score",
            Self::Swagger => "/swagger.json",
            Self::Health => "/",
        }
    }
}

/// Which endpoint a path names: its name is unique in its workspace alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// The workspace; none for the first, whose paths have no prefix.
    pub(crate) workspace: Option<Uuid>,
    /// The endpoint.
    pub(crate) endpoint: &'a str,
}

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// The router itself.
    Root,
    /// An endpoint, by name.
    Endpoint(Name<'a>, Action),
}

/// Finds the place of a path and checks the method.
pub(crate) fn place<'a>(method: &Method, path: &'a str) -> Result<Place<'a>, Refusal> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut first = segments.next();
    let mut workspace = None;
    if first == Some(OTHER_WORKSPACES) {
        let id = segments.next().and_then(|id| Uuid::try_parse(id).ok());
        workspace = Some(id.ok_or(Refusal::UnknownPath)?);
        first = Some(segments.next().ok_or(Refusal::UnknownPath)?);
    }
    let place = match (first, segments.next(), segments.next()) {
        (None, _, _) => Place::Root,
        (Some("api"), Some("v1"), Some("service")) => {
            let name = segments.next().ok_or(Refusal::UnknownPath)?;
            let action = match segments.next() {
                None => Action::Health,
                Some("score") => Action::Score,
                Some("swagger.json") => Action::Swagger,
                Some(_) => return Err(Refusal::UnknownPath),
            };
            let name = Name {
                workspace,
                endpoint: name,
            };
            Place::Endpoint(name, action)
        }
        _ => return Err(Refusal::UnknownPath),
    };
    if segments.next().is_some() {
        return Err(Refusal::UnknownPath);
    }
    let allow = match place {
        Place::Root => Action::Health.allow(),
        Place::Endpoint(_, action) => action.allow(),
    };
    if allow.split(", ").any(|allowed| allowed == method.as_str()) {
        Ok(place)
    } else {
        Err(Refusal::Method {
            method: shortened(method.as_str()),
            allow,
        })
    }
}

/// The refusal for a name that no route has.
pub(crate) fn unknown_endpoint(name: Name<'_>) -> Refusal {
    Refusal::UnknownEndpoint(shortened(name.endpoint))
}

fn shortened(text: &str) -> String {
    text.chars().take(ECHOED).collect()
}

/// Checks a head against the limits, and that it says in one way only where the
/// body ends. Two ways are how requests are smuggled past a router.
///
/// For HTTP/1 hyper has been there first: it refuses lengths that differ, and
/// where chunks and a length are both given it takes out the length and closes
/// the connection afterwards (RFC 9112, section 6.3).
pub(crate) fn check_head(parts: &Parts, limits: &Limits) -> Result<(), Refusal> {
    check_uri(&parts.uri, limits)?;
    check_size(&parts.headers, limits)?;
    let mut lengths = parts.headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next();
    if lengths.next().is_some() {
        return Err(Refusal::Ambiguous(
            "The request has more than one Content-Length header.",
        ));
    }
    if length.is_some() && parts.headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Refusal::Ambiguous(
            "The request has both a Content-Length and a Transfer-Encoding header.",
        ));
    }
    Ok(())
}

fn check_uri(uri: &Uri, limits: &Limits) -> Result<(), Refusal> {
    let length = uri.path_and_query().map_or(0, |text| text.as_str().len());
    if length > limits.uri_bytes {
        return Err(Refusal::UriTooLong {
            length,
            limit: limits.uri_bytes,
        });
    }
    Ok(())
}

fn check_size(headers: &HeaderMap, limits: &Limits) -> Result<(), Refusal> {
    if headers.len() > limits.headers {
        return Err(Refusal::HeadTooLarge(format!(
            "{} fields were sent, {} are accepted",
            headers.len(),
            limits.headers
        )));
    }
    let mut total = 0;
    for (name, value) in headers {
        let size = name.as_str().len() + value.len();
        if size > limits.header_bytes {
            return Err(Refusal::HeadTooLarge(format!(
                "'{}' has {size} bytes, {} are accepted in one field",
                shortened(name.as_str()),
                limits.header_bytes
            )));
        }
        total += size;
    }
    if total > limits.head_bytes {
        return Err(Refusal::HeadTooLarge(format!(
            "all fields have {total} bytes, {} are accepted",
            limits.head_bytes
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Name<'_> = Name {
        workspace: None,
        endpoint: "iris",
    };

    #[test]
    fn other_workspaces_have_a_prefix() {
        let id = "00000000-0000-4000-8000-0000000000ab";
        let name = Name {
            workspace: Some(id.parse().expect("a GUID")),
            ..FIRST
        };
        for path in [
            format!("/workspaces/{id}/api/v1/service/iris/score"),
            format!("//workspaces/{id}//api/v1/service/iris/score/"),
        ] {
            assert_eq!(
                place(&Method::POST, &path),
                Ok(Place::Endpoint(name, Action::Score)),
                "{path}"
            );
        }
        for path in [
            "/workspaces".to_owned(),
            format!("/workspaces/{id}"),
            "/workspaces/ws1/api/v1/service/iris/score".to_owned(),
            format!("/workspaces/{id}/workspaces/{id}/api/v1/service/iris/score"),
        ] {
            assert_eq!(
                place(&Method::POST, &path),
                Err(Refusal::UnknownPath),
                "{path}"
            );
        }
    }

    #[test]
    fn careless_paths_lead_to_the_same_place() {
        for path in [
            "/api/v1/service/iris/score",
            "//api/v1//service/iris/score/",
            "/api/v1/service/iris//score//",
        ] {
            assert_eq!(
                place(&Method::POST, path),
                Ok(Place::Endpoint(FIRST, Action::Score)),
                "{path}"
            );
        }
        assert_eq!(place(&Method::GET, "/"), Ok(Place::Root));
        assert_eq!(
            place(&Method::GET, "/api/v1/service/iris/swagger.json"),
            Ok(Place::Endpoint(FIRST, Action::Swagger))
        );
        assert_eq!(
            place(&Method::GET, "/api/v1/service/iris/"),
            Ok(Place::Endpoint(FIRST, Action::Health))
        );
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        for path in [
            "/score",
            "/api/v1/service",
            "/api/v1/service/iris/scores",
            "/api/v1/service/iris/score/again",
            "/api/v1/service/../score/x/score",
            "*",
        ] {
            assert_eq!(
                place(&Method::POST, path),
                Err(Refusal::UnknownPath),
                "{path}"
            );
        }
        for (method, path) in [
            (Method::PUT, "/api/v1/service/iris/score"),
            (Method::HEAD, "/api/v1/service/iris/score"),
            (Method::POST, "/api/v1/service/iris/swagger.json"),
            (Method::POST, "/"),
        ] {
            assert!(
                matches!(place(&method, path), Err(Refusal::Method { .. })),
                "{method} {path}"
            );
        }
    }
}
