//! Uploads: at once, in blocks, and what each answers.

use super::{announced, readable, uploaded};
use crate::{snapshot::assert_answer, surface::Surface};

const MD5_OF_ABC: &str = "kAFQmDzST7DWlj99KOF/cg==";

#[tokio::test]
async fn a_small_file_is_uploaded_as_the_sdk_does() {
    let surface = Surface::new().await;
    let url = announced(&surface, "m/model.pkl").await;
    let put = || {
        surface
            .ask_blob("PUT", &format!("{url}&timeout=30"))
            .header("x-ms-blob-type", "BlockBlob")
            .header("if-none-match", "*")
            .header("content-md5", MD5_OF_ABC)
            .header("content-type", "application/octet-stream")
            .body("abc")
    };
    let answer = put().send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("content-md5"), Some(MD5_OF_ABC));
    assert_answer("ok", &answer);

    let again = put().send().await;
    assert_eq!(again.status, 409);
    assert_eq!(again.header("x-ms-error-code"), Some("BlobAlreadyExists"));
    assert!(again.text().contains("<Code>BlobAlreadyExists</Code>"));

    let replaced = surface
        .ask_blob("PUT", &url)
        .header("x-ms-blob-type", "BlockBlob")
        .body("new")
        .send()
        .await;
    assert_eq!(replaced.status, 201);
    let url = readable(&surface, "m/model.pkl").await;
    assert_eq!(surface.ask_blob("GET", &url).send().await.text(), "new");
}

#[tokio::test]
async fn blocks_are_joined_in_the_order_of_the_list() {
    let surface = Surface::new().await;
    let url = announced(&surface, "m/large.bin").await;
    for (id, bytes) in [
        ("YQ%3D%3D", "one"),
        ("Yg%3D%3D", "two"),
        ("Yw%3D%3D", "unused"),
    ] {
        let block = surface
            .ask_blob("PUT", &format!("{url}&comp=block&blockid={id}"))
            .body(bytes)
            .send()
            .await;
        assert_eq!(block.status, 201, "{}", block.text());
    }
    let before = surface.ask_blob("HEAD", &url).send().await;
    assert_eq!(before.status, 404, "a blob without its list is not there");
    let list = "<?xml version='1.0' encoding='utf-8'?>\n<BlockList><Latest>Yg==</Latest>\
                <Uncommitted>YQ==</Uncommitted></BlockList>";
    let committed = surface
        .ask_blob("PUT", &format!("{url}&comp=blocklist"))
        .header("if-none-match", "*")
        .header("x-ms-blob-content-type", "application/x-model")
        .body(list)
        .send()
        .await;
    assert_eq!(committed.status, 201, "{}", committed.text());
    let readable = readable(&surface, "m/large.bin").await;
    let read = surface.ask_blob("GET", &readable).send().await;
    assert_eq!(read.text(), "twoone");
    assert_eq!(read.header("content-type"), Some("application/x-model"));
    let again = surface
        .ask_blob("PUT", &format!("{url}&comp=blocklist"))
        .header("if-none-match", "*")
        .body(list)
        .send()
        .await;
    assert_eq!(again.header("x-ms-error-code"), Some("BlobAlreadyExists"));
}

/// The SDK takes the encoded path out of the address and encodes it once more.
#[tokio::test]
async fn a_name_that_was_encoded_twice_is_found() {
    let surface = Surface::new().await;
    let path = "my model/größe 100%.pkl";
    let url = announced(&surface, path).await;
    assert!(
        url.contains("my%20model/gr%C3%B6%C3%9Fe%20100%25.pkl"),
        "{url}"
    );
    let (place, query) = url.split_once('?').expect("a query");
    let twice = format!("{}?{query}", place.replace('%', "%25"));
    let put = surface
        .ask_blob("PUT", &twice)
        .header("x-ms-blob-type", "BlockBlob")
        .body("abc")
        .send()
        .await;
    assert_eq!(put.status, 201, "{}", put.text());
    assert_eq!(surface.ask_blob("HEAD", &twice).send().await.status, 200);
    let path = "my%20model/gr%C3%B6%C3%9Fe%20100%25.pkl";
    let url = readable(&surface, path).await;
    assert_eq!(surface.ask_blob("GET", &url).send().await.text(), "abc");
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let surface = Surface::new().await;
    let url = uploaded(&surface, "m/empty", b"").await;
    let head = surface.ask_blob("HEAD", &url).send().await;
    assert_eq!(head.header("content-length"), Some("0"));
    assert_eq!(surface.ask_blob("GET", &url).send().await.body.len(), 0);
}
