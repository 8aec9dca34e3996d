//! The phases of one request, in order.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use wharf_core::{Error, workspace::Caller};

use crate::{
    answer::{Answered, Body},
    audit::{Origin, Outcome, Strangers, Trail},
    auth::bearer,
    authorize::Target,
    blob,
    body::{RequestBody, Source},
    call::Call,
    refusal::Refusal,
    request_id::RequestId,
    router::{Access, Guarded, Handler, Route, Router, Surface, surface_of},
    settings::{ApiSettings, Limits},
    throttle::{Remaining, Throttle},
    v1,
};

/// The surfaces; cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub(crate) settings: Arc<ApiSettings>,
    router: Arc<Router>,
    throttle: Option<Arc<Throttle>>,
    strangers: Arc<Strangers>,
}

impl Api {
    /// Makes the surfaces over the use cases.
    pub fn new(mut settings: ApiSettings) -> Self {
        let length = settings.public_url.trim_end_matches('/').len();
        settings.public_url.truncate(length);
        let throttle = settings.throttling.map(Throttle::new);
        Self {
            throttle: throttle.map(Arc::new),
            strangers: Arc::new(Strangers::new()),
            settings: Arc::new(settings),
            router: Arc::new(Router::new()),
        }
    }

    /// Answers a request whose body is in memory, as if a connection had brought it.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        self.dispatch(parts, Source::Memory(Some(body))).await
    }

    pub(crate) async fn answer_connection(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        self.dispatch(parts, Source::Connection(body)).await
    }

    async fn dispatch(&self, parts: Parts, body: Source) -> Response<Body> {
        let id = RequestId::of(&parts.headers);
        let is_blob = is_blob_host(&parts);
        // Both are cheap to clone; a path of its own would be copied.
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let api = self.clone();
        let answering = async move {
            let response = api.respond(parts, body, is_blob, &id).await;
            (response, id)
        };
        let mut response = if method.is_safe() {
            let (response, id) = answering.await;
            log(&method, uri.path(), response.status(), &id);
            response
        } else {
            match outlive_client(answering).await {
                Ok((response, id)) => {
                    log(&method, uri.path(), response.status(), &id);
                    response
                }
                Err(refusal) => {
                    let id = RequestId::of(&http::HeaderMap::new());
                    log_refusal(&refusal, &method, uri.path(), &id);
                    let surface = surface_of(uri.path(), is_blob);
                    let mut response = self.render(surface, &refusal, &id);
                    id.write(response.headers_mut());
                    response
                }
            }
        };
        response
            .headers_mut()
            .insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
        response
    }

    /// Answers, and records what there is to record before the answer goes out.
    async fn respond(
        &self,
        parts: Parts,
        body: Source,
        is_blob: bool,
        id: &RequestId,
    ) -> Response<Body> {
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let origin = Origin::of(&parts);
        let mut trail = Trail::default();
        let mut remaining = None;
        let (surface, answered) = self
            .route(parts, body, is_blob, &mut trail, &mut remaining)
            .await;
        let code = answered.as_ref().err().map(|refusal| refusal.code);
        let mut response = answered.unwrap_or_else(|refusal| {
            log_refusal(&refusal, &method, uri.path(), id);
            self.render(surface, &refusal, id)
        });
        let outcome = Outcome {
            status: response.status(),
            code,
        };
        let app = &self.settings.app;
        if let Some(entry) = self.strangers.entry(&origin, trail, outcome, id, app.now()) {
            app.audit_record(&entry).await;
        }
        let headers = response.headers_mut();
        if let Some((name, left)) = remaining {
            headers.insert(name, HeaderValue::from(left));
        }
        id.write(headers);
        response
    }

    async fn route(
        &self,
        parts: Parts,
        body: Source,
        is_blob: bool,
        trail: &mut Trail,
        remaining: &mut Remaining,
    ) -> (Surface, Answered) {
        let settings = &self.settings;
        // First of all, so that no refusal drops it unread.
        let body = RequestBody::new(body, &settings.limits);
        let path = parts.uri.path();
        if let Err(refusal) = check_head(&parts, &settings.limits) {
            return (surface_of(path, is_blob), Err(refusal));
        }
        let found = self.router.of_host(is_blob).find(&parts.method, path);
        let found = match found {
            Ok(found) => found,
            Err(refusal) => return (surface_of(path, is_blob), Err(refusal)),
        };
        let Guarded { route, target } = found.end;
        let call = Call {
            body,
            settings: Arc::clone(settings),
            parts,
            captures: found.captures,
        };
        let admitted = self.admit(&call, route, target, trail, remaining).await;
        let answered = match (route.handler, admitted) {
            (_, Err(refusal)) => Err(refusal),
            (Handler::Open(handler) | Handler::Signature(handler), Ok(_)) => handler(call).await,
            (Handler::Token(handler), Ok(Some(caller))) => handler(call, caller).await,
            (Handler::Token(_), Ok(None)) => {
                Err(Error::internal("a route with a token has no caller").into())
            }
        };
        (route.surface, answered)
    }

    /// Who asks, if the caller may ask for that, and so often; and whether what happens
    /// now can be recorded.
    async fn admit(
        &self,
        call: &Call,
        route: &Route,
        target: &Target,
        trail: &mut Trail,
        remaining: &mut Remaining,
    ) -> Result<Option<Caller>, Refusal> {
        let method = &call.parts.method;
        let asked = target.asked(call.uri().path(), &call.captures);
        let asked = &*trail.asked.insert(asked);
        let caller = match route.access() {
            Access::Open => {
                // A sign-in changes nothing; one that was denied is recorded.
                trail.is_left_out = true;
                return Ok(None);
            }
            Access::Signature => {
                // A block shows nowhere until a list names it.
                let comp = call.query("comp");
                trail.is_left_out = comp.is_some_and(|comp| comp.eq_ignore_ascii_case("block"));
                None
            }
            Access::Token => {
                let caller = bearer::caller(call).await?;
                trail.principal = Some(caller.principal.clone());
                if let Some(throttle) = &self.throttle {
                    let (who, now) = (caller.principal.id, self.settings.app.now());
                    *remaining = throttle.count(who, &asked.scope, route.surface, method, now)?;
                }
                target.authorize(&caller, asked)?;
                Some(caller)
            }
        };
        if !method.is_safe() && !trail.is_left_out {
            self.settings.app.audit_ready().await?;
        }
        Ok(caller)
    }

    /// The last line of a refusal: its surface's own shape.
    fn render(&self, surface: Surface, refusal: &Refusal, id: &RequestId) -> Response<Body> {
        let mut response = match surface {
            Surface::Arm => crate::arm::errors::render(refusal),
            Surface::SignIn => crate::auth::errors::render(refusal),
            Surface::V1 => v1::errors::render(refusal, id),
            Surface::Blob => blob::errors::render(refusal, id),
        };
        let headers = response.headers_mut();
        for (name, value) in &refusal.headers {
            headers.insert(name, value.clone());
        }
        if refusal.status == StatusCode::UNAUTHORIZED && surface != Surface::SignIn {
            bearer::challenge(headers, &self.settings.public_url, refusal.stale_key);
        }
        response
    }
}

/// Runs a write to its end although its client leaves. hyper drops what answers a
/// connection that closes, and what follows a commit (a route to refresh, a
/// reconciler to wake) must not be dropped with it.
async fn outlive_client<T: Send + 'static>(
    answering: impl Future<Output = T> + Send + 'static,
) -> Result<T, Refusal> {
    let ended = tokio::spawn(answering).await;
    ended.map_err(|error| Error::internal(format!("a handler: {error}")).into())
}

/// Browsers must not guess that an answer is a page.
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Limits on the head that hyper does not keep itself.
fn check_head(parts: &Parts, limits: &Limits) -> Result<(), Refusal> {
    let uri_bytes = parts
        .uri
        .path_and_query()
        .map_or(0, |uri| uri.as_str().len());
    if uri_bytes > limits.uri_bytes {
        return Err(Refusal::new(
            StatusCode::URI_TOO_LONG,
            "UriTooLong",
            format!(
                "path and query have {uri_bytes} bytes, at most {} are allowed",
                limits.uri_bytes
            ),
        ));
    }
    let too_large = |message| {
        Err(Refusal::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "RequestHeaderFieldsTooLarge",
            message,
        ))
    };
    if parts.headers.len() > limits.headers {
        return too_large(format!("more than {} headers", limits.headers));
    }
    let too_long = |(name, value): (&header::HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() > limits.header_bytes
    };
    if parts.headers.iter().any(too_long) {
        return too_large(format!(
            "a header has more than {} bytes",
            limits.header_bytes
        ));
    }
    // Two hosts could lead two readers of one request to two places.
    if parts.headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "InvalidHeaderValue",
            "the request has more than one Host header",
        ));
    }
    Ok(())
}

/// Whether the request is for `ACCOUNT.blob.…`.
fn is_blob_host(parts: &Parts) -> bool {
    let host = match parts.uri.host() {
        Some(host) => host,
        None => parts
            .headers
            .get(header::HOST)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default(),
    };
    let mut labels = host.split('.');
    labels.next().is_some_and(|account| !account.is_empty())
        && labels
            .next()
            .is_some_and(|label| label.eq_ignore_ascii_case("blob"))
        && labels.next().is_some()
}

/// One line per request. Reads that went well are many, and tell little.
fn log(method: &Method, path: &str, status: StatusCode, id: &RequestId) {
    let status = status.as_u16();
    let id = id.as_str();
    if method == Method::GET && status < 400 {
        tracing::debug!(target: "wharf_api::access", status, request_id = id, "{method} {path}");
    } else {
        tracing::info!(target: "wharf_api::access", status, request_id = id, "{method} {path}");
    }
}

/// What the caller does not get to read.
fn log_refusal(refusal: &Refusal, method: &Method, path: &str, id: &RequestId) {
    let (code, message) = (refusal.code, &refusal.message);
    let id = id.as_str();
    match &refusal.inside {
        Some(inside) => {
            tracing::error!(%method, path, code, request_id = id, "{message}: {inside}");
        }
        None => tracing::debug!(%method, path, code, request_id = id, "refused: {message}"),
    }
}
