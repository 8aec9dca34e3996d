//! Answers in pieces, and large bodies.

use std::fs;

use http::Method;
use http_body_util::BodyExt as _;

use crate::harness::Replica;

const SCRIPT: &str = "
import os, time
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse
def init(): pass
def pieces(fails):
    yield 'one'
    while not os.path.exists('go'): time.sleep(0.005)
    if fails: raise ValueError('halfway')
    yield b'two'
def endless():
    while True: yield 'x' * 1000
@rawhttp
def run(request):
    if request.args['kind'] == 'endless': return AMLResponse(endless(), 200)
    if request.args['kind'] == 'plain': return os.getpid()
    return AMLResponse(pieces(request.args['kind'] == 'fails'), 201)
";

#[tokio::test(flavor = "multi_thread")]
async fn pieces_come_as_the_script_makes_them() {
    let replica = Replica::ready(SCRIPT).await;
    for kind in ["good", "fails"] {
        let target = format!("/score?kind={kind}");
        let (head, mut body, connection) = replica.open(Method::GET, &target, &[], b"").await;
        assert_eq!(head.status, 201, "{kind}");
        assert_eq!(head.headers["x-ms-run-function-failed"], "False");
        assert!(head.headers.contains_key("x-request-id"));
        let first = body.frame().await.expect("a piece").expect("good");
        assert_eq!(first.into_data().expect("data"), "one", "{kind}");
        let go = replica.folder.path().join("app/go");
        fs::write(&go, "").expect("written");
        let rest = body.collect().await;
        if kind == "good" {
            assert_eq!(rest.expect("whole").to_bytes(), "two");
        } else {
            rest.expect_err("an end that looks good would hide the fault");
            replica
                .until("traceback", || {
                    replica.log().contains("ValueError: halfway").then_some(())
                })
                .await;
        }
        fs::remove_file(&go).expect("removed");
        connection.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_stream_that_nobody_reads_is_ended() {
    let replica = Replica::start_with(|folder, config| {
        config["scoring_timeout_ms"] = 200.into();
        fs::write(folder.join("app/score.py"), SCRIPT).expect("written");
    });
    replica.wait_ready().await;
    let before = replica.get("/score?kind=plain").await;
    let (_, body, connection) = replica
        .open(Method::GET, "/score?kind=endless", &[], b"")
        .await;
    drop(body);
    connection.abort();
    // The next request gets another worker.
    let after = replica.get("/score?kind=plain").await;
    assert_eq!(after.status, 200, "{} {}", after.text(), replica.log());
    assert_ne!(before.text(), after.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_100_mb_goes_through_and_one_byte_more_does_not() {
    const MOST: usize = 100 << 20;
    let replica = Replica::start_with(|folder, config| {
        config["max_body_bytes"] = MOST.into();
        let script = "def init(): pass\ndef run(data): return [len(data), data[-1]]";
        fs::write(folder.join("app/score.py"), script).expect("written");
    });
    replica.wait_ready().await;
    let mut body = vec![b'x'; MOST];
    body[MOST - 1] = b'y';
    let reply = replica.send(Method::POST, "/score", &[], &body).await;
    assert_eq!(reply.text(), r#"[104857600, "y"]"#);
    body.push(b'z');
    let reply = replica.send(Method::POST, "/score", &[], &body).await;
    assert_eq!(reply.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_length_is_read_to_its_end() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let replica = Replica::ready("def init(): pass\ndef run(data): return data").await;
    let socket = replica.folder.path().join("s.sock");
    let mut stream = tokio::net::UnixStream::connect(socket)
        .await
        .expect("connect");
    let text = b"POST /score HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\
                 connection: close\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n";
    stream.write_all(text).await.expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("answered");
    assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
    assert!(reply.ends_with("\r\n\r\n\"abcdefg\""), "{reply}");
}
