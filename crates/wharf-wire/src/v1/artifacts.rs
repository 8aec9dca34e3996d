//! Artifacts: files that are announced, uploaded to a blob, and found again.

use serde_json::{Map, Value, json};
use wharf_core::{
    finding::Finding,
    model::{Artifact, ArtifactPath},
    quote::Quoted,
};

use super::{fields::Fields, time};

/// Most paths of one announcement; the SDK sends fifty.
const MOST_PATHS: usize = 1_000;

/// Reads `{"paths": [{"path"}]}` under `origin` and `container`.
///
/// # Errors
/// Every path that is none, at once.
pub fn read_paths(
    origin: &str,
    container: &str,
    body: &Value,
) -> Result<Vec<ArtifactPath>, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fields = Fields::of_body(body, &mut findings);
    let texts = fields.each("paths", MOST_PATHS, |entry| {
        if entry.raw("path").is_none() {
            entry.refuse("path", "is missing");
        }
        entry.text("path")
    });
    if texts.is_empty() && !fields.is_told("paths") {
        fields.refuse(
            "paths",
            format!("must have 1 to {MOST_PATHS} entries, has none"),
        );
    }
    let mut paths = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let Some(text) = text else { continue };
        match ArtifactPath::new(origin, container, text) {
            Ok(path) => paths.push(path),
            Err(error) => {
                findings.push(Finding::new(
                    format!("paths[{index}].path"),
                    format!("{} {error}", Quoted(text)),
                ));
            }
        }
    }
    if findings.is_empty() {
        Ok(paths)
    } else {
        Err(findings)
    }
}

/// An artifact.
pub fn document(artifact: &Artifact) -> Value {
    let path = &artifact.path;
    json!({
        "artifactId": path.to_string(),
        "origin": path.origin,
        "container": path.container,
        "path": path.path,
        "etag": artifact.content.as_ref().map(|content| content.digest.to_string()),
        "createdTime": time::text(artifact.created_at),
        "dataPath": null,
    })
}

/// Where an artifact's bytes are.
pub fn content_information(path: &ArtifactPath, content_uri: &str) -> Value {
    json!({
        "contentUri": content_uri,
        "origin": path.origin,
        "container": path.container,
        "path": path.path,
    })
}

/// What an announcement answers: the SDK looks both maps up by the path it sent.
pub fn announced(artifacts: &[(Artifact, String)]) -> Value {
    let mut documents = Map::new();
    let mut contents = Map::new();
    for (artifact, content_uri) in artifacts {
        let path = &artifact.path;
        documents.insert(path.path.clone(), document(artifact));
        contents.insert(path.path.clone(), content_information(path, content_uri));
    }
    json!({
        "artifacts": documents,
        "artifactContentInformation": contents,
        "errors": {},
    })
}

/// A page of places. The token is left out at the end.
pub fn content_page(places: &[(ArtifactPath, String)], next: Option<&str>) -> Value {
    let value: Vec<_> = places
        .iter()
        .map(|(path, uri)| content_information(path, uri))
        .collect();
    match next {
        Some(next) => json!({"value": value, "continuationToken": next}),
        None => json!({"value": value}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_under_their_container() {
        let paths = read_paths("LocalUpload", "c", &json!({"paths": [{"path": "m/a.pkl"}]}));
        assert_eq!(paths.expect("good")[0].to_string(), "LocalUpload/c/m/a.pkl");
    }

    #[test]
    fn every_bad_path_is_told() {
        for (body, fields) in [
            (json!([]), &["body", "paths"][..]),
            (json!({}), &["paths"]),
            (
                json!({"paths": [{}, {"path": 1}]}),
                &["paths[0].path", "paths[1].path"],
            ),
            (
                json!({"paths": [{"path": "../x"}, {"path": "ok"}, {"path": "/abs"}]}),
                &["paths[0].path", "paths[2].path"],
            ),
        ] {
            let findings = read_paths("LocalUpload", "c", &body).expect_err("refused");
            let told: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
            assert_eq!(told, fields, "{body}");
        }
    }
}
