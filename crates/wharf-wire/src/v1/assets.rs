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
        let findings = read(&json!({"artifacts": [{}, 3, {"prefix": "a", "id": "b"}]}));
        assert_eq!(findings.expect_err("refused").len(), 4);
    }
}
