//! Blob storage.

mod download;
mod refused;
mod upload;

use serde_json::json;

use crate::surface::Surface;

/// Announces an upload; where it goes.
pub(crate) async fn announced(surface: &Surface, path: &str) -> String {
    let announced = surface
        .ask(
            "POST",
            &surface.files("/artifacts/batch/metadata/LocalUpload/c1"),
        )
        .json(&json!({"paths": [{"path": path}]}))
        .send()
        .await
        .good();
    let uri = &announced["artifactContentInformation"][path]["contentUri"];
    uri.as_str().expect("an address").to_owned()
}

/// The address at which an uploaded file is read.
pub(crate) async fn readable(surface: &Surface, path: &str) -> String {
    let path = surface.files(&format!("/artifacts/contentinfo/LocalUpload/c1/{path}"));
    let found = surface.ask("GET", &path).send().await.good();
    found["contentUri"].as_str().expect("an address").to_owned()
}

/// Uploads a file as the SDK does; where it is read.
pub(crate) async fn uploaded(surface: &Surface, path: &str, bytes: &[u8]) -> String {
    let url = announced(surface, path).await;
    let answer = surface
        .ask_blob("PUT", &url)
        .header("x-ms-blob-type", "BlockBlob")
        .header("if-none-match", "*")
        .body(bytes.to_vec())
        .send()
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    readable(surface, path).await
}
