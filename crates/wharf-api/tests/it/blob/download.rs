//! Downloads: whole, in part, and on conditions.

use super::uploaded;
use crate::{snapshot::assert_answer, surface::Surface};

#[tokio::test]
async fn a_blob_is_read_and_described() {
    let surface = Surface::new().await;
    let url = uploaded(&surface, "m/model.pkl", b"0123456789").await;
    let whole = surface.ask_blob("GET", &url).send().await;
    assert_eq!(whole.text(), "0123456789");
    assert_answer("ok", &whole);
    let head = surface.ask_blob("HEAD", &url).send().await;
    assert!(head.body.is_empty());
    assert_answer("ok", &head);
    assert_eq!(head.header("etag"), whole.header("etag"));
}

#[tokio::test]
async fn parts_are_read() {
    let surface = Surface::new().await;
    let url = uploaded(&surface, "m/model.pkl", b"0123456789").await;
    for (header, range, part, place) in [
        ("range", "bytes=2-4", "234", "bytes 2-4/10"),
        ("x-ms-range", "bytes=7-", "789", "bytes 7-9/10"),
        ("range", "bytes=8-100", "89", "bytes 8-9/10"),
    ] {
        let answer = surface
            .ask_blob("GET", &url)
            .header(header, range)
            .send()
            .await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.text(), part, "{range}");
        assert_eq!(answer.header("content-range"), Some(place));
        assert_eq!(
            answer.header("content-length"),
            Some(part.len().to_string().as_str())
        );
        assert_eq!(
            answer.header("content-md5"),
            None,
            "it is that of the whole"
        );
    }
}

#[tokio::test]
async fn parts_outside_of_a_blob_are_refused() {
    let surface = Surface::new().await;
    let url = uploaded(&surface, "m/model.pkl", b"0123456789").await;
    for range in [
        "bytes=10-",
        "bytes=10-12",
        "bytes=5-2",
        "bytes=18446744073709551615-",
    ] {
        let answer = surface
            .ask_blob("GET", &url)
            .header("range", range)
            .send()
            .await;
        assert_eq!(answer.status, 416, "{range}");
        assert_eq!(answer.header("x-ms-error-code"), Some("InvalidRange"));
        assert_eq!(answer.header("content-range"), Some("bytes */10"));
    }
    let empty = uploaded(&surface, "m/empty", b"").await;
    let answer = surface
        .ask_blob("GET", &empty)
        .header("range", "bytes=0-")
        .send()
        .await;
    assert_eq!(answer.status, 416);
}

#[tokio::test]
async fn conditions_are_kept() {
    let surface = Surface::new().await;
    let url = uploaded(&surface, "m/model.pkl", b"0123456789").await;
    let head = surface.ask_blob("HEAD", &url).send().await;
    let etag = head.header("etag").expect("an etag");
    for (header, value, status) in [
        ("if-match", etag, 200),
        ("if-match", "*", 200),
        ("if-match", "\"0x0\"", 412),
        ("if-none-match", etag, 304),
        ("if-none-match", "\"0x0\"", 200),
    ] {
        let answer = surface
            .ask_blob("GET", &url)
            .header(header, value)
            .send()
            .await;
        assert_eq!(answer.status, status, "{header} {value}");
    }
}
