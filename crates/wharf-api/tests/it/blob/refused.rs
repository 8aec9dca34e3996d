//! What is refused, each in storage's own shape, and that nothing is left of it.

use wharf_control::testing::TestApp;

use super::{announced, uploaded};
use crate::surface::{Answer, Surface};

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("x-ms-error-code"), Some(code));
    assert_eq!(answer.header("content-type"), Some("application/xml"));
    let text = answer.text();
    assert!(text.contains(&format!("<Code>{code}</Code>")), "{text}");
    let id = answer.header("x-ms-request-id").expect("a request id");
    assert!(text.contains(id), "{text}");
}

async fn put(surface: &Surface, url: &str) -> Answer {
    surface
        .ask_blob("PUT", url)
        .header("x-ms-blob-type", "BlockBlob")
        .body("abc")
        .send()
        .await
}

#[tokio::test]
async fn a_signature_must_be_there_and_for_this_blob() {
    let surface = Surface::new().await;
    let url = announced(&surface, "m/model.pkl").await;
    let (place, query) = url.split_once('?').expect("a query");
    let other_place = place.replace("model.pkl", "other.pkl");
    let pairs: Vec<_> = query.split('&').collect();
    let without_signature = pairs[..pairs.len() - 1].join("&");
    let raised = query.replace("sp=cw", "sp=racwd");
    let later = query.replace("se=", "se=9");
    let twice = format!("{query}&{}", pairs[pairs.len() - 1]);
    for (place, query) in [
        (place, ""),
        (place, without_signature.as_str()),
        (place, raised.as_str()),
        (place, later.as_str()),
        (place, twice.as_str()),
        (other_place.as_str(), query),
    ] {
        let answer = put(&surface, &format!("{place}?{query}")).await;
        assert_refused(&answer, 403, "AuthenticationFailed");
    }
}

#[tokio::test]
async fn a_signature_ends() {
    let surface = Surface::new().await;
    let url = announced(&surface, "m/model.pkl").await;
    surface
        .test
        .clock
        .advance(std::time::Duration::from_secs(3600));
    assert_refused(&put(&surface, &url).await, 403, "AuthenticationFailed");
}

/// The cells that the tests around this one leave: verbs, order, steps, lists.
#[tokio::test]
async fn a_signature_is_good_for_one_thing_alone() {
    let surface = Surface::new().await;
    let read = uploaded(&surface, "m/model.pkl", b"old").await;
    let write = announced(&surface, "m/model.pkl").await;
    let split = |url: &str| {
        let (place, query) = url.split_once('?').expect("a query");
        (place.to_owned(), query.to_owned())
    };
    let ((place, read_query), (_, write_query)) = (split(&read), split(&write));
    let root = place
        .split("/LocalUpload/")
        .next()
        .expect("a container")
        .to_owned();
    let mut reordered: Vec<_> = write_query.split('&').collect();
    reordered.reverse();
    // Order is no part of what is signed: the same pairs are the same signature.
    let same = format!("{place}?{}", reordered.join("&"));
    assert_eq!(surface.ask_blob("HEAD", &same).send().await.status, 200);
    let signature = |query: &str| query.split("sig=").nth(1).expect("a signature").to_owned();
    let of_read = signature(&read_query);
    let swapped = write_query.replace(&signature(&write_query), &of_read);
    let cut = &write_query[..write_query.len() - 1];
    for (what, method, url) in [
        ("write, to read", "GET", write.clone()),
        ("read, to write", "PUT", read.clone()),
        (
            "read, for a block",
            "PUT",
            format!("{read}&comp=block&blockid=YQ%3D%3D"),
        ),
        (
            "read, for a list of blocks",
            "PUT",
            format!("{read}&comp=blocklist"),
        ),
        ("the other's signature", "PUT", format!("{place}?{swapped}")),
        ("cut", "PUT", format!("{place}?{cut}")),
        (
            "raised",
            "PUT",
            format!("{place}?{}", read_query.replace("sp=r", "sp=cw")),
        ),
        (
            "a step",
            "GET",
            format!("{root}/LocalUpload/c1/m/x%2fmodel.pkl?{read_query}"),
        ),
        (
            "a neighbour",
            "GET",
            format!("{root}/LocalUpload/c1/m/model.pkl2?{read_query}"),
        ),
        (
            "the folder",
            "GET",
            format!("{root}/LocalUpload/c1/m?{read_query}"),
        ),
        (
            "a list",
            "GET",
            format!("{root}/LocalUpload?restype=container&comp=list&{read_query}"),
        ),
        (
            "another workspace",
            "GET",
            format!(
                "{}?{read_query}",
                place.replace(&root[root.len() - 32..], "00000000000000000000000000000007")
            ),
        ),
    ] {
        let answer = surface
            .ask_blob(method, &url)
            .header("x-ms-blob-type", "BlockBlob");
        let answer = answer.send().await;
        assert_eq!(answer.status, 403, "{what}: {}", answer.text());
    }
    for steps in ["..", "%2e%2e", "x/../..", "%2e%2e%2f%2e%2e"] {
        let url = format!("{root}/LocalUpload/c1/m/{steps}/model.pkl?{read_query}");
        let answer = surface.ask_blob("GET", &url).send().await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 403),
            "{steps}: {}",
            answer.status
        );
    }
    let listed = surface.ask_blob(
        "GET",
        &format!("{root}?restype=container&comp=list&{read_query}"),
    );
    assert!(listed.send().await.status.is_client_error());
    let deleted = surface.ask_blob("DELETE", &write).send().await;
    assert_eq!(deleted.status, 405);
    assert_eq!(surface.ask_blob("GET", &read).send().await.text(), "old");
}

#[tokio::test]
async fn a_signature_to_read_does_not_write() {
    let surface = Surface::new().await;
    uploaded(&surface, "m/model.pkl", b"old").await;
    let place = surface
        .ask(
            "GET",
            &surface.files("/artifacts/contentinfo/LocalUpload/c1/m/model.pkl"),
        )
        .send()
        .await
        .good();
    let url = place["contentUri"].as_str().expect("an address");
    assert_refused(&put(&surface, url).await, 403, "AuthenticationFailed");
    assert_eq!(surface.ask_blob("GET", url).send().await.text(), "old");
}

#[tokio::test]
async fn a_wrong_md5_leaves_nothing_behind() {
    let surface = Surface::new().await;
    let url = announced(&surface, "m/model.pkl").await;
    for target in [url.clone(), format!("{url}&comp=block&blockid=YQ%3D%3D")] {
        for md5 in ["AAAAAAAAAAAAAAAAAAAAAA==", "nonsense"] {
            let answer = surface
                .ask_blob("PUT", &target)
                .header("x-ms-blob-type", "BlockBlob")
                .header("content-md5", md5)
                .body("abc")
                .send()
                .await;
            assert_refused(&answer, 400, "Md5Mismatch");
        }
    }
    let seen = surface.ask_blob("HEAD", &url).send().await;
    assert_eq!(seen.header("x-ms-error-code"), Some("BlobNotFound"));
    let list = surface
        .ask_blob("PUT", &format!("{url}&comp=blocklist"))
        .body("<BlockList><Latest>YQ==</Latest></BlockList>")
        .send()
        .await;
    assert_refused(&list, 400, "InvalidBlockList");
    assert_eq!(stored_files(&surface), 0);
}

/// Files anywhere below the folder of blobs.
fn stored_files(surface: &Surface) -> usize {
    let mut folders = vec![surface.test.folder().join("blobs")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
            }
        }
    }
    files
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let surface = Surface::new().await;
    let url = announced(&surface, "m/model.pkl").await;
    for (suffix, code) in [
        ("&comp=page", "InvalidQueryParameterValue"),
        ("&comp=block", "InvalidQueryParameterValue"),
        ("&comp=block&blockid=%21", "InvalidQueryParameterValue"),
        (
            "&comp=block&blockid=YQ%3D%3D&blockid=Yg%3D%3D",
            "InvalidQueryParameterValue",
        ),
        ("&comp=block&comp=blocklist", "InvalidQueryParameterValue"),
        ("&comp=blocklist", "InvalidBlockList"),
    ] {
        assert_refused(&put(&surface, &format!("{url}{suffix}")).await, 400, code);
    }
    for (header, value, code) in [
        ("x-ms-blob-type", "PageBlob", "InvalidHeaderValue"),
        ("if-match", "*", "InvalidHeaderValue"),
        ("if-none-match", "\"0x1\"", "InvalidHeaderValue"),
        ("x-ms-content-crc64", "AAAAAAAAAAA=", "UnsupportedHeader"),
    ] {
        let mut ask = surface.ask_blob("PUT", &url).header(header, value);
        if header != "x-ms-blob-type" {
            ask = ask.header("x-ms-blob-type", "BlockBlob");
        }
        assert_refused(&ask.body("abc").send().await, 400, code);
    }
    let none = surface.ask_blob("PUT", &url).body("abc").send().await;
    assert_refused(&none, 400, "InvalidHeaderValue");
}

#[tokio::test]
async fn lists_of_blocks_that_are_not_there_are_refused() {
    let surface = Surface::new().await;
    let url = announced(&surface, "m/model.pkl").await;
    for body in [
        "<BlockList><Latest>YQ==</Latest></BlockList>",
        "<BlockList><Committed>YQ==</Committed></BlockList>",
        "<BlockList><Latest>YQ==</Latest>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><BlockList/>",
        "{}",
    ] {
        let answer = surface
            .ask_blob("PUT", &format!("{url}&comp=blocklist"))
            .body(body)
            .send()
            .await;
        assert_refused(&answer, 400, "InvalidBlockList");
    }
}

/// A surface whose largest blob has few bytes.
async fn of_small_blobs() -> Surface {
    Surface::over(TestApp::with(|settings| settings.largest_blob = 100_000).await).await
}

#[tokio::test]
async fn a_blob_has_a_largest_size() {
    let surface = of_small_blobs().await;
    let url = announced(&surface, "m/model.pkl").await;
    let largest = surface.test.app.largest_blob();
    let announced = surface
        .ask_blob("PUT", &url)
        .header("x-ms-blob-type", "BlockBlob")
        .header("content-length", &(largest + 1).to_string())
        .body("abc")
        .send()
        .await;
    assert_refused(&announced, 413, "RequestBodyTooLarge");
    let size = usize::try_from(largest + 1).expect("fits");
    let sent = surface
        .ask_blob("PUT", &url)
        .header("x-ms-blob-type", "BlockBlob")
        .body(vec![0; size])
        .send()
        .await;
    assert_refused(&sent, 413, "RequestBodyTooLarge");
    assert_eq!(stored_files(&surface), 0);
}

#[tokio::test]
async fn other_paths_and_methods_have_storages_shape() {
    let surface = Surface::new().await;
    let url = announced(&surface, "m/model.pkl").await;
    let delete = surface.ask_blob("DELETE", &url).send().await;
    assert_refused(&delete, 405, "UnsupportedHttpVerb");
    let root = "https://wharf.blob.localhost:8443/";
    let listing = surface
        .ask_blob("GET", &format!("{root}?comp=list"))
        .send()
        .await;
    assert_refused(&listing, 404, "ResourceNotFound");
    let steps = surface
        .ask_blob("GET", &format!("{root}c/a/%2e%2e/b"))
        .send()
        .await;
    assert_eq!(steps.status, 400);
}

/// Blocks without a list would fill the disk unseen.
#[tokio::test]
async fn blocks_together_have_a_largest_size() {
    let surface = of_small_blobs().await;
    let url = announced(&surface, "m/model.pkl").await;
    let half = usize::try_from(surface.test.app.largest_blob() / 2 + 1).expect("fits");
    let block = async |id: &str| {
        surface
            .ask_blob("PUT", &format!("{url}&comp=block&blockid={id}"))
            .body(vec![0; half])
            .send()
            .await
    };
    assert_eq!(block("YQ%3D%3D").await.status, 201);
    assert_eq!(block("YQ%3D%3D").await.status, 201, "replaces the first");
    assert_refused(&block("Yg%3D%3D").await, 413, "RequestBodyTooLarge");
}
