//! Where the data plane's parts are: what a workspace's discovery URL answers.

use serde_json::{Value, json};

/// The document. Every part is this one server; no value ends in a slash, since
/// clients put a path that begins with one behind it. The six first names are
/// those without which SDK v1 raises; the others are parts that it asks for in
/// features of its own.
pub fn document(public_url: &str) -> Value {
    let url = public_url.trim_end_matches('/');
    json!({
        "api": url,
        "history": url,
        "modelmanagement": url,
        "experimentation": url,
        "hyperdrive": url,
        "studio": url,
        "catalog": url,
        "pipelines": url,
        "notebooks": url,
        "inference": url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_the_sdk_needs_are_there() {
        let document = document("https://localhost:8443/");
        for key in [
            "api",
            "history",
            "modelmanagement",
            "experimentation",
            "hyperdrive",
            "studio",
        ] {
            assert_eq!(document[key], "https://localhost:8443", "{key}");
        }
    }
}
