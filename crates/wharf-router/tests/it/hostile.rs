//! Requests that are wrong on purpose.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    client::{SCORE, get, score},
    model::{Model, within},
    router::TestRouter,
};

const HEAD: &str = "POST /api/v1/service/iris/score HTTP/1.1\r\nhost: a\r\n\
                    authorization: Bearer key-number-one\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_in_two_ways_is_refused() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let smuggled = "GET /api/v1/service/iris/score HTTP/1.1\r\nhost: a\r\n\
                    authorization: Bearer key-number-one\r\n\r\n";
    let length = smuggled.len();
    let rows = [
        (
            "two lengths",
            format!("{HEAD}content-length: 0\r\ncontent-length: {length}\r\n\r\n{smuggled}"),
        ),
        (
            "a list of lengths",
            format!("{HEAD}content-length: 0, {length}\r\n\r\n{smuggled}"),
        ),
        (
            "a signed length",
            format!("{HEAD}content-length: +0\r\n\r\n{smuggled}"),
        ),
        (
            "a negative length",
            format!("{HEAD}content-length: -1\r\n\r\n{smuggled}"),
        ),
        (
            "a hexadecimal length",
            format!("{HEAD}content-length: 0x0\r\n\r\n{smuggled}"),
        ),
        (
            "an endless length",
            format!("{HEAD}content-length: 99999999999999999999999\r\n\r\n{smuggled}"),
        ),
        (
            "an unknown coding",
            format!("{HEAD}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "chunked not last",
            format!("{HEAD}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "two codings",
            format!(
                "{HEAD}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            "space before the colon",
            format!("{HEAD}transfer-encoding : chunked\r\ncontent-length: 0\r\n\r\n{smuggled}"),
        ),
        (
            "a folded line",
            format!(
                "{HEAD}x-a: b\r\n transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n{smuggled}"
            ),
        ),
        (
            "a bare CR",
            format!(
                "{HEAD}x-a: b\rtransfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n{smuggled}"
            ),
        ),
        (
            "a NUL",
            format!("{HEAD}x-a: b\0c\r\ncontent-length: 0\r\n\r\n{smuggled}"),
        ),
        (
            "a bad chunk size",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "a signed chunk size",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "an endless chunk size",
            format!(
                "{HEAD}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            "a chunk too short",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "chunked in HTTP/1.0",
            format!(
                "{}transfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
                HEAD.replace("HTTP/1.1", "HTTP/1.0")
            ),
        ),
        ("no method", format!(" {HEAD}\r\n{smuggled}")),
        (
            "another version",
            format!("{}\r\n{smuggled}", HEAD.replace("HTTP/1.1", "HTTP/3.7")),
        ),
    ];
    for (name, bytes) in rows {
        let before = model.count();
        let answer = router.bytes(bytes.as_bytes()).await;
        let first = answer.lines().next().unwrap_or_default();
        assert!(
            answer.is_empty()
                || first.starts_with("HTTP/1.1 400")
                || first.starts_with("HTTP/1.1 413"),
            "{name}: {answer}"
        );
        assert_eq!(model.count(), before, "{name}: it reached the model");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_framings_chunked_counts_and_nothing_after_it() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let smuggled = "GET /api/v1/service/iris/score HTTP/1.1\r\nhost: a\r\n\
                    authorization: Bearer key-number-one\r\n\r\n";
    let length = smuggled.len();
    // RFC 9112, section 6.3, leaves refusing and this; the replica gets one length.
    let rows = [
        (
            "both",
            format!(
                "{HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
            ),
        ),
        (
            "both, other order",
            format!(
                "{HEAD}transfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n0\r\n\r\n{smuggled}"
            ),
        ),
    ];
    for (name, bytes) in rows {
        let before = model.count();
        let answer = router.bytes(bytes.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{name}: {answer}");
        assert!(answer.contains("connection: close"), "{name}: {answer}");
        assert!(answer.contains("\"length\":0,"), "{name}: {answer}");
        assert_eq!(model.count(), before + 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_replica_sees_is_framed_anew() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    // Unusual and right: one request each, and what follows is not lost.
    let rows = [
        (
            "two equal lengths",
            format!("{HEAD}content-length: 5\r\ncontent-length: 5\r\n\r\nhello"),
            5,
        ),
        (
            "extension",
            format!("{HEAD}transfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n"),
            5,
        ),
        (
            "trailer",
            format!(
                "{HEAD}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-t: content-length: 9\r\n\r\n"
            ),
            5,
        ),
        (
            "upper case",
            format!("{HEAD}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
            5,
        ),
        (
            "GET with a body",
            format!(
                "{}content-length: 5\r\n\r\nhello",
                HEAD.replace("POST", "GET")
            ),
            5,
        ),
        (
            "an upgrade",
            format!(
                "{HEAD}connection: upgrade, http2-settings, x-do\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\nx-do: raise\r\ncontent-length: 0\r\n\r\n"
            ),
            0,
        ),
    ];
    for (name, bytes, length) in rows {
        let before = model.count();
        let last = format!("{}connection: close\r\n\r\n", HEAD.replace("POST", "GET"));
        let answer = router.bytes(format!("{bytes}{last}").as_bytes()).await;
        assert_eq!(
            answer.matches("HTTP/1.1 200 OK").count(),
            2,
            "{name}: {answer}"
        );
        assert_eq!(model.count(), before + 2, "{name}");
        assert!(
            answer.contains(&format!("\"length\":{length},")),
            "{name}: {answer}"
        );
        assert!(!answer.contains("\"upgrade\":"), "{name}: {answer}");
        assert!(!answer.contains("\"x-t\":"), "{name}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_have_limits() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let key = ("authorization", "Bearer key-number-one");
    let names: Vec<String> = (0..101).map(|it| format!("x-{it}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let long = "v".repeat(17 * 1024);
    let most = "v".repeat(15 * 1024);
    let large: Vec<(&str, &str)> = names[..5]
        .iter()
        .map(|name| (name.as_str(), most.as_str()))
        .collect();
    let path = format!("{SCORE}?{}", "q".repeat(8 * 1024));
    for is_http2 in [false, true] {
        for (name, path, headers, statuses) in [
            ("count", SCORE, many.clone(), [431, 431]),
            ("one", SCORE, vec![key, ("x-a", long.as_str())], [431, 431]),
            ("all", SCORE, large.clone(), [431, 431]),
            ("path", path.as_str(), vec![key], [414, 414]),
        ] {
            let mut client = if is_http2 {
                router.client2().await
            } else {
                router.client().await
            };
            let sent = within("answer", client.send(get(path, &headers))).await;
            match sent {
                Ok(response) => assert!(
                    statuses.contains(&response.status().as_u16()),
                    "{name} {is_http2}: {}",
                    response.status()
                ),
                Err(error) => panic!("{name} {is_http2}: {error:?}"),
            }
        }
        let mut client = if is_http2 {
            router.client2().await
        } else {
            router.client().await
        };
        let fits = client.ask(get(SCORE, &[key, ("x-a", most.as_str())])).await;
        assert_eq!(fits.status, 200, "{}", fits.text());
    }
    assert_eq!(model.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_and_others_served() {
    let model = Model::start("a");
    let router = TestRouter::with(
        vec![model.replica.clone()],
        |_| (),
        |limits| {
            limits.handshake = Duration::from_millis(300);
            limits.head_time = Duration::from_millis(300);
            limits.idle = Duration::from_millis(300);
        },
    )
    .await;
    // No handshake, half a handshake, no byte, half a head, an idle connection.
    let address = router.handle.local_addr();
    let silent = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"\x16\x03\x01\x02\x00").await.unwrap();
    let quiet = router.tls(&["http/1.1"]).await;
    let quiet2 = router.tls(&["h2"]).await;
    let mut dripping = router.tls(&["http/1.1"]).await;
    dripping.write_all(HEAD.as_bytes()).await.unwrap();
    let mut idle = router.tls(&["http/1.1"]).await;
    idle.write_all(format!("{HEAD}content-length: 0\r\n\r\n").as_bytes())
        .await
        .unwrap();
    assert_eq!(router.ask(score("")).await.status, 200);
    async fn cut(name: &str, mut stream: impl tokio::io::AsyncRead + Unpin) {
        let mut rest = Vec::new();
        let _ = within(name, stream.read_to_end(&mut rest)).await;
    }
    tokio::join!(
        cut("silent", silent),
        cut("half", half),
        cut("quiet", quiet),
        cut("quiet h2", quiet2),
        cut("dripping", dripping),
        cut("idle", idle),
    );
    assert_eq!(router.ask(score("")).await.status, 200);
    assert_eq!(router.handle.counters().read().handshakes_failed, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded() {
    let model = Model::start("a");
    let router = TestRouter::with(
        vec![model.replica.clone()],
        |_| (),
        |limits| {
            limits.connections = 2;
        },
    )
    .await;
    let mut first = router.client().await;
    let second = router.client().await;
    let mut third = TcpStream::connect(router.handle.local_addr())
        .await
        .unwrap();
    let mut rest = Vec::new();
    // Closed without an answer; a reset says the same.
    let read = within("close", third.read_to_end(&mut rest)).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    assert_eq!(first.ask(score("")).await.status, 200);
    assert_eq!(router.handle.counters().read().connections_refused, 1);
    drop(second);
    let room = async {
        loop {
            let mut stream = TcpStream::connect(router.handle.local_addr())
                .await
                .unwrap();
            // A TLS client's first byte is awaited only where there is room.
            let _ = stream.write_all(b"x").await;
            if matches!(stream.read(&mut [0; 16]).await, Ok(count) if count > 0) {
                return;
            }
        }
    };
    within("room again", room).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_all_connections() {
    let model = Model::start("a");
    let router = TestRouter::with(
        vec![model.replica.clone()],
        |_| (),
        |limits| {
            limits.connections_per_address = 1;
        },
    )
    .await;
    let mut first = router.client().await;
    let mut second = TcpStream::connect(router.handle.local_addr())
        .await
        .unwrap();
    let read = within("close", second.read(&mut [0; 1])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    // Another address of the loopback network.
    let other = tokio::net::TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = other.connect(router.handle.local_addr()).await.unwrap();
    other.write_all(b"no TLS").await.unwrap();
    let count = within("alert", other.read(&mut [0; 16])).await.unwrap();
    assert!(count > 0, "it was let in and told that this is no TLS");
    assert_eq!(first.ask(score("")).await.status, 200);
}

/// The start of an HTTP/2 connection, with the client's settings.
fn preface(settings: &[u8]) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, 4, 0, 0, settings);
    bytes
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    bytes.extend_from_slice(&length[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(payload);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_without_an_end_end_the_connection() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    // CONTINUATION for ever; DATA for a stream that was never opened; a bad HPACK
    // index; a head that grows beyond the limit by repeating an indexed field.
    let mut continued = preface(&[]);
    frame(&mut continued, 1, 0, 1, b"\x82\x87\x84\x41\x01a");
    for _ in 0..20_000 {
        frame(&mut continued, 9, 0, 1, b"\x00\x01a\x01b");
    }
    let mut unopened = preface(&[]);
    frame(&mut unopened, 0, 0, 1, b"data");
    let mut index = preface(&[]);
    frame(&mut index, 1, 5, 1, b"\xff\xff\xff\xff\x0f");
    for (name, bytes) in [
        ("continuation", continued),
        ("unopened", unopened),
        ("index", index),
    ] {
        let mut stream = router.tls(&["h2"]).await;
        let _ = stream.write_all(&bytes).await;
        let _ = stream.flush().await;
        let mut answer = Vec::new();
        let _ = within(name, stream.read_to_end(&mut answer)).await;
        assert_eq!(router.ask(score("")).await.status, 200, "{name}");
    }
    assert_eq!(model.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_unpacks_to_much_is_refused() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let mut stream = router.tls(&["h2"]).await;
    let mut bytes = preface(&[]);
    let mut block = b"\x82\x87\x84\x41\x01a".to_vec();
    // One field of 3,000 bytes for the table, then its index again and again.
    block.extend_from_slice(b"\x40\x01a\x7f\xb9\x16");
    block.extend_from_slice(&[b'v'; 3000]);
    block.extend_from_slice(&[0xbe; 10_000]);
    frame(&mut bytes, 1, 5, 1, &block);
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
    // 431 on the stream, or the end of the connection; never a long wait.
    let mut answer = [0; 4096];
    let mut seen = Vec::new();
    let refused = async {
        loop {
            match stream.read(&mut answer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => seen.extend_from_slice(&answer[..count]),
            }
            // A HEADERS frame (kind 1) or GOAWAY (7) or RST_STREAM (3).
            let mut rest = &seen[..];
            while rest.len() >= 9 {
                let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
                if matches!(rest[3], 1 | 3 | 7) {
                    return;
                }
                rest = rest.get(9 + length..).unwrap_or_default();
            }
        }
    };
    within("refusal", refused).await;
    assert_eq!(router.ask(score("")).await.status, 200);
    assert_eq!(model.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_opened_and_reset_cost_the_connection_only() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let mut stream = router.tls(&["h2"]).await;
    let mut bytes = preface(&[]);
    for number in 0..2000u32 {
        let id = 2 * number + 1;
        // :method GET, :scheme https, :path /, an :authority of one letter.
        frame(&mut bytes, 1, 5, id, b"\x82\x87\x84\x41\x01a");
        frame(&mut bytes, 3, 0, id, &8u32.to_be_bytes());
    }
    let _ = stream.write_all(&bytes).await;
    let mut answer = Vec::new();
    let _ = within("end of the connection", stream.read_to_end(&mut answer)).await;
    assert_eq!(router.ask(score("")).await.status, 200);
}
