//! A client that sends its whole body before it reads still gets the refusal.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wharf_api::Limits;

use crate::listen::Server;

/// Far more than sockets and TLS hold on the way.
const BODY: usize = 24 * 1024 * 1024;

/// Sends head and body before it reads a byte; gives the answer's first line.
async fn send_then_read(server: &Server, head: &str) -> String {
    let mut stream = server.connect(&["http/1.1"]).await;
    let head = format!("{head}host: localhost\r\ncontent-length: {BODY}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("the head");
    let piece = vec![b' '; 64 * 1024];
    for _ in 0..BODY / piece.len() {
        stream.write_all(&piece).await.expect("a piece of the body");
    }
    stream.flush().await.expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n") {
        answer.push(stream.read_u8().await.expect("an answer"));
    }
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn over_http1() {
    let server = Server::start(Limits::default()).await;
    let workspace = "/subscriptions/s/resourceGroups/g/providers/\
                     Microsoft.MachineLearningServices/workspaces/w";
    let services = format!("/modelmanagement/v1.0{workspace}/services");
    let token = server.test.bearer().await;
    for (head, expected) in [
        (format!("POST {services} HTTP/1.1\r\n"), "401"),
        ("POST /nowhere HTTP/1.1\r\n".to_owned(), "404"),
        (format!("DELETE {services} HTTP/1.1\r\n"), "405"),
        (
            format!("POST {services} HTTP/1.1\r\nauthorization: Bearer {token}\r\n"),
            "413",
        ),
    ] {
        let line = send_then_read(&server, &head).await;
        let start = format!("HTTP/1.1 {expected} ");
        assert!(line.starts_with(&start), "{expected}: {line}");
    }
}

/// Over HTTP/2 a body that is not read is reset, which some clients take for the
/// end of the whole exchange: the stream must end without it.
#[tokio::test]
async fn over_http2() {
    let server = Server::start(Limits::default()).await;
    let stream = server.connect(&["h2"]).await;
    let io = TokioIo::new(stream);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
    let (mut sender, connection) = handshake.expect("a handshake");
    tokio::spawn(connection);
    for size in [2, BODY] {
        let request = Request::post("https://localhost/nowhere")
            .body(Full::new(Bytes::from(vec![b' '; size])))
            .expect("a request");
        sender.ready().await.expect("a connection that goes on");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
