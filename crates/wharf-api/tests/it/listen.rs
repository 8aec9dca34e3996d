//! Real connections with TLS: protocols, limits, the end of a server.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wharf_api::{Api, ApiSettings, Limits};
use wharf_control::testing::TestApp;

pub(crate) struct Server {
    pub(crate) test: TestApp,
    pub(crate) address: SocketAddr,
    certificate: CertificateDer<'static>,
    shutdown: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(limits: Limits) -> Self {
        let test = TestApp::new().await;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let made = made.expect("a certificate");
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from(key))
            .expect("a key that fits");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let api = Api::new(ApiSettings {
            app: test.app.clone(),
            public_url: format!("https://localhost:{}", address.port()),
            limits,
            throttling: None,
        });
        let (shutdown, stopped) = watch::channel(false);
        let serving = tokio::spawn(api.serve(listener, Arc::new(tls), stopped));
        Self {
            test,
            address,
            certificate,
            shutdown,
            serving,
        }
    }

    pub(crate) async fn connect(&self, protocols: &[&str]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.expect("a handshake")
    }

    /// Sends bytes and reads until the server closes.
    async fn exchange(&self, sent: &str) -> String {
        let mut stream = self.connect(&["http/1.1"]).await;
        stream.write_all(sent.as_bytes()).await.expect("sent");
        let mut received = Vec::new();
        // A server that cuts the connection short of a TLS goodbye errs here; what
        // counts is what was read before.
        let _ = stream.read_to_end(&mut received).await;
        String::from_utf8_lossy(&received).into_owned()
    }
}

#[tokio::test]
async fn both_protocols_are_spoken() {
    let server = Server::start(Limits::default()).await;
    let answer = server
        .exchange(
            "GET /metadata/endpoints HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"Wharf\""), "{answer}");

    let stream = server.connect(&["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = TokioIo::new(stream);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
    let (mut sender, connection) = handshake.expect("a handshake");
    tokio::spawn(connection);
    let request = Request::builder()
        .uri("https://localhost/metadata/endpoints")
        .version(Version::HTTP_2)
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    assert!(body.starts_with(b"["));
}

#[tokio::test]
async fn heads_have_limits() {
    let server = Server::start(Limits::default()).await;
    let many: String = (0..101).map(|n| format!("x-{n}: y\r\n")).collect();
    let large: String = (0..80)
        .map(|n| format!("x-{n}: {}\r\n", "y".repeat(1_000)))
        .collect();
    for (headers, status) in [
        (many, "HTTP/1.1 431 "),
        (large, "HTTP/1.1 431 "),
        (format!("x: {}\r\n", "y".repeat(17 * 1024)), "HTTP/1.1 431 "),
        ("content-length: x\r\n".to_owned(), "HTTP/1.1 400 "),
        ("host: other\r\n".to_owned(), "HTTP/1.1 400 "),
    ] {
        let start = "GET /metadata/endpoints HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
        let answer = server.exchange(&format!("{start}{headers}\r\n")).await;
        assert!(answer.starts_with(status), "{answer}");
    }
    let path = "x".repeat(9_000);
    let answer = server
        .exchange(&format!(
            "GET /{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
}

#[tokio::test]
async fn a_slow_head_and_a_slow_body_are_given_up() {
    // Both end because the server closes, not because the client stops.
    let server = Server::start(Limits {
        head_time: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let answer = server
        .exchange("GET /metadata/endpoints HTTP/1.1\r\nhost: loc")
        .await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let server = Server::start(Limits {
        body_window: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let answer = server
        .exchange(
            "POST /adfs/oauth2/token HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\ngrant",
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_burst_buys_a_body_no_pause() {
    let server = Server::start(Limits {
        body_window: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    // At 1 KiB/s this would be a minute, were it counted over the whole body.
    let burst = "x".repeat(60 << 10);
    let request = format!(
        "POST /adfs/oauth2/token HTTP/1.1\r\nhost: localhost\r\ncontent-length: 61441\r\n\r\n{burst}"
    );
    let asking = server.exchange(&request);
    let answer = tokio::time::timeout(Duration::from_secs(30), asking).await;
    let answer = answer.expect("given up before a minute");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_not_read() {
    let server = Server::start(Limits::default()).await;
    let answer = server
        .exchange(
            "POST /adfs/oauth2/token HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: 99999999999\r\n\r\n",
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed() {
    let server = Server::start(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let _first = server.connect(&["http/1.1"]).await;
    let mut second = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    let mut received = Vec::new();
    let _ = second.read_to_end(&mut received).await;
    assert!(received.is_empty());
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_the_server() {
    let server = Server::start(Limits::default()).await;
    let mut idle = server.connect(&["http/1.1"]).await;
    idle.write_all(b"GET /metadata/endpoints HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .expect("sent");
    let mut first = [0; 1];
    idle.read_exact(&mut first).await.expect("an answer begins");
    server.shutdown.send_replace(true);
    server.serving.await.expect("the server ended well");
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest).await;
    assert!(!rest.is_empty(), "the answer under way was ended");
}
