//! Real clients: HTTP/1.1 and HTTP/2 over TLS, and bytes by hand.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use wharf_core::route::{Route, RouteAuthentication};

use crate::{
    model::{Pieces, within},
    router::{KEY, TestRouter, route, table},
};

pub(crate) const SCORE: &str = "/api/v1/service/iris/score";

type Body = BoxBody<Bytes, Infallible>;

enum Sender {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

/// One connection.
pub(crate) struct Client {
    sender: Sender,
    connection: JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) async fn of(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let body = within("body", body.collect()).await.unwrap().to_bytes();
        Self {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The message of a refusal.
    pub(crate) fn message(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/json"));
        let json = self.json();
        assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
        json["message"].as_str().unwrap().to_owned()
    }

    /// The name of the model that answered.
    pub(crate) fn model(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.header("x-model").unwrap().to_owned()
    }
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

/// A body that the test fills piece by piece.
pub(crate) fn open_body() -> (mpsc::Sender<Bytes>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Pieces(receiver).boxed())
}

/// A POST that scores `iris` with the key and an order for the model.
pub(crate) fn score(order: &str) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(SCORE)
        .header("authorization", format!("Bearer {KEY}"))
        .header("x-do", order)
        .body(full("{}"))
        .unwrap()
}

/// A request without a body.
pub(crate) fn get(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(full("")).unwrap()
}

impl Client {
    pub(crate) async fn send(
        &mut self,
        mut request: Request<Body>,
    ) -> hyper::Result<Response<Incoming>> {
        match &mut self.sender {
            Sender::One(sender) => {
                let host = "localhost".parse().unwrap();
                request.headers_mut().entry("host").or_insert(host);
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Two(sender) => {
                let uri = format!("https://localhost{}", request.uri());
                *request.uri_mut() = uri.parse().unwrap();
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    pub(crate) async fn ask(&mut self, request: Request<Body>) -> Reply {
        let response = within("answer", self.send(request)).await.unwrap();
        Reply::of(response).await
    }
}

impl TestRouter {
    /// A TLS connection that offers these protocols.
    pub(crate) async fn tls(&self, protocols: &[&str]) -> TlsStream<TcpStream> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&self.authority))
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(self.handle.local_addr()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = "localhost".try_into().unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        connecting.await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        let io = TokioIo::new(self.tls(&["http/1.1"]).await);
        let (sender, connection) = http1::handshake(io).await.unwrap();
        Client {
            sender: Sender::One(sender),
            connection: tokio::spawn(async move { drop(connection.await) }),
        }
    }

    pub(crate) async fn client2(&self) -> Client {
        let io = TokioIo::new(self.tls(&["h2"]).await);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        Client {
            sender: Sender::Two(sender),
            connection: tokio::spawn(async move { drop(connection.await) }),
        }
    }

    /// Makes these the routes, and returns when they count, together with the
    /// replicas that were sent before.
    pub(crate) async fn change(&self, mut routes: Vec<Route>) {
        let name = format!("marker-{}", uuid::Uuid::new_v4());
        let mut marker = route(&name, Vec::new());
        marker.authentication = RouteAuthentication::Open;
        routes.push(marker);
        self.routes.send_replace(table(routes));
        let mut client = self.client().await;
        let path = format!("/api/v1/service/{name}");
        let counts = async { while client.ask(get(&path, &[])).await.status == 404 {} };
        within("new routes", counts).await;
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Reply {
        self.client().await.ask(request).await
    }

    /// Sends a request from a task.
    pub(crate) async fn begin(&self, request: Request<Body>) -> JoinHandle<Reply> {
        let mut client = self.client().await;
        tokio::spawn(async move { client.ask(request).await })
    }

    /// Writes bytes and reads until the router closes.
    pub(crate) async fn bytes(&self, bytes: &[u8]) -> String {
        let mut stream = self.tls(&["http/1.1"]).await;
        // The router may close before all is written.
        let _ = stream.write_all(bytes).await;
        let _ = stream.flush().await;
        let mut answer = Vec::new();
        let _ = within("close", stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}
