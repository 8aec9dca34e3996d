//! Bodies: limits, streams, and slow ones.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    client::{Reply, full, open_body, score},
    model::{Model, PATIENCE, within},
    router::TestRouter,
};

const MOST: usize = 100 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_100_mb_passes_and_one_byte_more_does_not() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let large = Bytes::from(vec![b'x'; MOST]);
    let mut client = router.client().await;
    let mut request = score("");
    *request.body_mut() = full(large.clone());
    let reply = client.ask(request).await;
    assert_eq!(reply.json()["length"], MOST);
    assert_eq!(reply.json()["headers"]["content-length"], MOST.to_string());

    let mut request = score("");
    *request.body_mut() = full([&large[..], b"y"].concat());
    let reply = client.ask(request).await;
    assert_eq!(reply.status, 413);
    let message = reply.message();
    assert!(message.contains("larger than 104857600 bytes"), "{message}");
    assert_eq!(model.count(), 1, "its length is known before it is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_unknown_length_is_counted() {
    let model = Model::start("a");
    let router = TestRouter::with(
        vec![model.replica.clone()],
        |_| (),
        |limits| {
            limits.body_bytes = 300_000;
            limits.buffered_body_bytes = 100_000;
        },
    )
    .await;
    for mut client in [router.client().await, router.client2().await] {
        for (pieces, status) in [(1, 200), (30, 200), (31, 413)] {
            let (sender, body) = open_body();
            let mut request = score("");
            *request.body_mut() = body;
            let sending = tokio::spawn(async move {
                for _ in 0..pieces {
                    if sender.send(Bytes::from(vec![b'x'; 10_000])).await.is_err() {
                        return;
                    }
                }
            });
            let reply = client.ask(request).await;
            assert_eq!(reply.status, status, "{pieces}: {}", reply.text());
            if status == 200 {
                assert_eq!(reply.json()["length"], pieces * 10_000);
            } else {
                assert!(reply.message().contains("larger than 300000 bytes"));
                client = router.client().await;
            }
            sending.await.unwrap();
        }
    }
    // The slot came back each time.
    assert_eq!(router.ask(score("")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_reaches_the_model_while_it_comes() {
    let model = Model::start("a");
    let router = TestRouter::with(
        vec![model.replica.clone()],
        |_| (),
        |limits| {
            limits.buffered_body_bytes = 1000;
        },
    )
    .await;
    for mut client in [router.client().await, router.client2().await] {
        let (sender, body) = open_body();
        let mut request = score("");
        *request.body_mut() = body;
        let before = model.count();
        let asked = tokio::spawn(async move { client.ask(request).await });
        sender.send(Bytes::from(vec![b'x'; 2000])).await.unwrap();
        model.began(before + 1).await;
        model.bytes(2000).await;
        sender.send(Bytes::from("end")).await.unwrap();
        drop(sender);
        assert_eq!(asked.await.unwrap().json()["length"], 2003);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_body_that_trickles_holds_no_slot() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let mut stream = router.tls(&["http/1.1"]).await;
    let head = "POST /api/v1/service/iris/score HTTP/1.1\r\nhost: a\r\n\
                authorization: Bearer key-number-one\r\ncontent-length: 10\r\n\r\n12345";
    stream.write_all(head.as_bytes()).await.unwrap();
    // The only slot is free for others.
    for _ in 0..3 {
        assert_eq!(router.ask(score("")).await.status, 200);
    }
    assert_eq!(model.count(), 3);
    stream.write_all(b"67890").await.unwrap();
    let mut answer = [0; 15];
    within("answer", stream.read_exact(&mut answer))
        .await
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert_eq!(model.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_slow_is_cut() {
    let model = Model::start("a");
    for buffered in [1_000_000, 1] {
        let router = TestRouter::with(
            vec![model.replica.clone()],
            |_| (),
            |limits| {
                limits.body_window = Duration::from_millis(300);
                limits.buffered_body_bytes = buffered;
            },
        )
        .await;
        let (sender, body) = open_body();
        let mut request = score("");
        *request.body_mut() = body;
        let mut client = router.client().await;
        sender.send(Bytes::from("slow")).await.unwrap();
        let reply = client.ask(request).await;
        assert_eq!(reply.status, 408);
        let message = reply.message();
        assert!(
            message.contains("slower than 1024 bytes a second"),
            "{message}"
        );
        assert_eq!(router.ask(score("")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_piece_by_piece() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    for mut client in [router.client().await, router.client2().await] {
        let before = model.count();
        let response = within("head", client.send(score("stream"))).await.unwrap();
        assert!(response.headers().contains_key("x-request-id"));
        let mut body = response.into_body();
        for expected in ["one", "two", "three"] {
            let frame = within("piece", body.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), expected);
            model.let_go(usize::from(expected != "three"));
        }
        let rest = within("end", body.collect()).await.unwrap();
        assert!(rest.to_bytes().is_empty());
        assert_eq!(model.count(), before + 1);
        // The slot is free again.
        assert_eq!(client.ask(score("")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    for mut client in [router.client().await, router.client2().await] {
        let model = Model::start("b");
        router
            .replicas
            .send_replace(crate::router::ready(vec![(1, vec![model.replica.clone()])]));
        router
            .change(vec![crate::router::route(
                "iris",
                vec![crate::router::target(1)],
            )])
            .await;
        let response = within("head", client.send(score("stream"))).await.unwrap();
        let mut body = response.into_body();
        within("piece", body.frame()).await.unwrap().unwrap();
        let _folder = model.kill().await;
        within("cut", body.frame()).await.unwrap().unwrap_err();
    }
    drop(model);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_end_that_nobody_reads_is_given_up() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |target| {
        target.scoring_timeout = Duration::from_millis(1);
        target.max_wait = PATIENCE;
    })
    .await;
    let mut client = router.client().await;
    let response = within("head", client.send(score("stream"))).await.unwrap();
    drop((response, client));
    // The model is never let go; a scorer would have ended the script by now. The
    // next request gets the slot, whether or not it is answered within a millisecond.
    let next = router.begin(score("")).await;
    model.began(2).await;
    next.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_loses_its_slot_and_its_answer() {
    let model = Model::start("a");
    let router = TestRouter::with(
        vec![model.replica.clone()],
        |_| (),
        |limits| {
            limits.write_stall = Duration::from_millis(300);
        },
    )
    .await;
    for mut client in [router.client().await, router.client2().await] {
        let response = within("head", client.send(score("large"))).await.unwrap();
        assert_eq!(response.status(), 200);
        // Nothing of the body is read; the only slot comes back all the same.
        assert_eq!(router.ask(score("")).await.status, 200);
        within("cut", response.into_body().collect())
            .await
            .unwrap_err();
    }
    // Who reads gets all of it.
    let reply = router.ask(score("large")).await;
    assert_eq!(reply.body.len(), 20 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_first_is_told_to_go_on() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let mut stream = router.tls(&["http/1.1"]).await;
    let head = "POST /api/v1/service/iris/score HTTP/1.1\r\nhost: a\r\n\
                authorization: Bearer key-number-one\r\ncontent-length: 4\r\n\
                expect: 100-continue\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 25];
    within("100", stream.read_exact(&mut first)).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    within("answer", stream.read_to_string(&mut answer))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("\"length\":4"), "{answer}");
    assert!(!answer.contains("100-continue"), "{answer}");

    // A wrong key is told before the body is sent.
    let mut stream = router.tls(&["http/1.1"]).await;
    let head = head
        .replace("number-one", "number-six")
        .replace(": 4", ": 4000000");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("answer", stream.read_to_string(&mut answer))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_for_bodies_is_bounded() {
    let model = Model::start("a");
    let router = TestRouter::with(
        vec![model.replica.clone()],
        |_| (),
        |limits| {
            limits.buffered_total_bytes = 1000;
        },
    )
    .await;
    let sized = |size: usize| -> Request<_> {
        let mut request = score("hold");
        *request.body_mut() = full(vec![b'x'; size]);
        let length = HeaderValue::from(size);
        request.headers_mut().insert("content-length", length);
        request
    };
    let first: tokio::task::JoinHandle<Reply> = router.begin(sized(900)).await;
    model.began(1).await;
    let reply = router.ask(sized(200)).await;
    assert_eq!(reply.status, 503);
    assert!(reply.message().contains("as many request bodies as it may"));
    assert!(reply.header("retry-after").is_some());
    model.let_go(2);
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(router.ask(sized(200)).await.status, 200);
}
