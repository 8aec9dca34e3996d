//! Assets: what a model's URL points to.

use serde_json::{Value, json};
use wharf_core::{
    finding::Finding,
    limits::MOST_ASSET_ARTIFACTS,
    model::{Asset, AssetArtifact},
};

use super::{fields::Fields, time};

/// Reads a new asset: its name and its artifacts.
///
/// # Errors
/// Every wrong member at once.
pub fn read(body: &Value) -> Result<(String, Vec<AssetArtifact>), Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fields = Fields::of_body(body, &mut findings);
    let name = fields.text("name").unwrap_or_default();
    let is_missing = name.is_empty() && !fields.is_told("name");
    if is_missing || name.contains(char::is_control) {
        fields.refuse("name", "must not be empty, nor contain control characters");
    }
    // Nothing of these is kept; a wrong type is a mistake of the client all the same.
    fields.tags("kvTags");
    fields.tags("properties");
    for name in ["runid", "runId", "type", "description"] {
        fields.text(name);
    }
    let artifacts = fields.each("artifacts", MOST_ASSET_ARTIFACTS, |entry| {
        match (entry.text("prefix"), entry.text("id")) {
            (Some(prefix), None) => Some(AssetArtifact::Prefix(prefix)),
            (None, Some(id)) => Some(AssetArtifact::Path(id)),
            _ => {
                entry.refuse("prefix", "give either `prefix` or `id`, as text");
                None
            }
        }
    });
    if findings.is_empty() {
        Ok((name, artifacts.into_iter().flatten().collect()))
    } else {
        Err(findings)
    }
}

/// An asset.
pub fn document(asset: &Asset) -> Value {
    let artifacts: Vec<_> = asset
        .artifacts
        .iter()
        .map(|artifact| match artifact {
            AssetArtifact::Prefix(prefix) => json!({"prefix": prefix}),
            AssetArtifact::Path(path) => json!({"id": path}),
        })
        .collect();
    json!({
        "id": asset.id.to_string(),
        "name": asset.name,
        "type": null,
        "description": null,
        "artifacts": artifacts,
        "kvTags": {},
        "properties": {},
        "runid": null,
        "meta": {},
        "createdTime": time::text(asset.created_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_names_its_artifacts_by_prefix_or_id() {
        let read_back =
            read(&json!({"name": "m", "artifacts": [{"prefix": "a/b/c"}, {"id": "a/b/d"}]}));
        assert_eq!(
            read_back,
            Ok((
                "m".to_owned(),
                vec![
                    AssetArtifact::Prefix("a/b/c".into()),
                    AssetArtifact::Path("a/b/d".into())
                ]
            ))
        );
        let body = json!({"name": "m", "artifacts": [{}, 3, {"prefix": "a", "id": "b"}]});
        assert_eq!(read(&body).expect_err("refused").len(), 4);
    }

    #[test]
    fn wrong_members_are_told_though_they_are_not_kept() {
        for name in [json!(null), json!(""), json!("a\0"), json!(1)] {
            let findings = read(&json!({
                "name": name, "artifacts": [{"prefix": "a/b/c"}], "kvTags": [1], "runId": {},
            }));
            let findings = findings.expect_err("refused");
            let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
            assert_eq!(fields, ["name", "kvTags", "runId"], "{name}");
        }
    }
}
