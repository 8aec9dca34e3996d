//! Who may keep a connection: not one client all of them, not one that only answers
//! pings, not one that does not take its answer.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use wharf_api::Limits;
use wharf_control::sas::Permission;
use wharf_core::model::ArtifactPath;

use crate::listen::Server;

/// Long enough for a good request on a busy machine.
const SHORT: Duration = Duration::from_secs(2);
/// More than the buffers between a server and its client hold.
const LARGE: usize = 24 * 1024 * 1024;
const ARTIFACT: &str = "LocalUpload/a/large";

/// Whether the server takes a connection from `from`: one that is refused is closed
/// before anything is said.
async fn is_taken(server: &Server, from: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from: SocketAddr = from.parse().expect("an address");
    socket.bind(from).expect("an address of this machine");
    let mut stream = socket.connect(server.address).await.expect("a connection");
    // Not TLS: a server that listens answers with an alert before it closes.
    stream.write_all(b"GET / HTTP/1.1\r\n").await.ok()?;
    let mut alert = [0; 1];
    stream.read_exact(&mut alert).await.ok()?;
    Some(stream)
}

/// The path and query of a download of [`LARGE`] bytes.
async fn download(server: &Server) -> (String, String) {
    let test = &server.test;
    test.upload(ARTIFACT, &vec![7; LARGE]).await;
    let place: ArtifactPath = ARTIFACT.parse().expect("a path");
    let announced = test
        .app
        .artifact_reserve(&test.caller, &test.path, std::slice::from_ref(&place))
        .await;
    let workspace = announced.expect("announced").0.id;
    let grant = test.app.sas_grant(workspace, place, Permission::Read);
    let query = test.app.sas_sign(&grant);
    let host = "wharf.blob.localhost".to_owned();
    (host, format!("/{}/{ARTIFACT}?{query}", workspace.simple()))
}

#[tokio::test]
async fn one_address_leaves_room_for_others() {
    let server = Server::start(Limits {
        connections: 4,
        connections_per_address: 2,
        ..Limits::default()
    })
    .await;
    let _first = server.connect(&["http/1.1"]).await;
    let _second = server.connect(&["http/1.1"]).await;
    assert!(is_taken(&server, "127.0.0.1:0").await.is_none());
    assert!(is_taken(&server, "127.0.0.2:0").await.is_some());
}

#[tokio::test]
async fn a_client_that_only_answers_pings_is_let_go() {
    let server = Server::start(Limits {
        idle: SHORT,
        ..Limits::default()
    })
    .await;
    let io = TokioIo::new(server.connect(&["h2"]).await);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
    let (mut sender, connection) = handshake.expect("a handshake");
    let served = tokio::spawn(connection);
    let request = Request::builder()
        .uri("https://localhost/metadata/endpoints")
        .version(Version::HTTP_2)
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    drop(response);
    // The client would stay, and answers whatever it is asked.
    served.await.expect("no panic").expect("a clean end");
    drop(sender);
}

#[tokio::test]
async fn a_download_that_is_not_read_is_cut() {
    let server = Server::start(Limits {
        write_stall: SHORT,
        connections: 1,
        ..Limits::default()
    })
    .await;
    let (host, path) = download(&server).await;

    let io = TokioIo::new(server.connect(&["h2"]).await);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
    let (mut sender, connection) = handshake.expect("a handshake");
    let served = tokio::spawn(connection);
    let request = Request::builder()
        .uri(format!("https://{host}{path}"))
        .version(Version::HTTP_2)
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    // Not read, while the connection itself is served: it ends all the same.
    let _ = served.await.expect("no panic");
    drop(response);

    let mut stream = server.connect(&["http/1.1"]).await;
    let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut first = [0; 15];
    stream
        .read_exact(&mut first)
        .await
        .expect("an answer begins");
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    // Its place is free again once it was cut.
    while is_taken(&server, "127.0.0.1:0").await.is_none() {
        tokio::task::yield_now().await;
    }
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < LARGE, "{} bytes came", rest.len());
}
