//! A dependency that nobody uses is a line that lies: one of the workspace that no
//! crate takes, or one of a crate that none of its files names.

use std::collections::BTreeMap;

use cargo_metadata::Metadata;
use serde::Deserialize;

use crate::{finding::Finding, workspace::TextFile};

#[derive(Deserialize)]
struct Root {
    workspace: Option<Shared>,
}

#[derive(Deserialize)]
struct Shared {
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let Some(root) = files.iter().find(|file| file.path == "Cargo.toml") else {
        return Vec::new();
    };
    let Ok(Root {
        workspace: Some(shared),
    }) = toml::from_str(&root.text)
    else {
        return Vec::new();
    };
    let takes = |name: &str| {
        files
            .iter()
            .filter(|file| file.path.ends_with("/Cargo.toml"))
            .flat_map(|file| file.text.lines())
            .any(|line| key(line) == Some(name))
    };
    root.lines()
        .filter_map(|(number, line)| {
            let name = key(line).filter(|name| shared.dependencies.contains_key(*name))?;
            (!takes(name)).then(|| {
                let message = format!("no crate takes `{name}`; delete the line");
                Finding::new(&root.path, number, message)
            })
        })
        .collect()
}

/// What each crate of ours takes and never names. Cargo knows under which name a
/// dependency is imported, which is not always its own.
pub(super) fn check_crates(metadata: &Metadata, files: &[TextFile]) -> Vec<Finding> {
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let members = nodes.filter(|node| metadata.workspace_members.contains(&node.id));
    let mut findings = Vec::new();
    for node in members {
        let manifest = &metadata[&node.id].manifest_path;
        let Ok(manifest) = manifest.strip_prefix(&metadata.workspace_root) else {
            continue;
        };
        let imports = node.deps.iter().map(|dependency| dependency.name.as_str());
        findings.extend(check_crate(manifest.as_str(), imports, files));
    }
    findings
}

fn check_crate<'a>(
    manifest: &str,
    imports: impl Iterator<Item = &'a str>,
    files: &[TextFile],
) -> Vec<Finding> {
    let folder = manifest.trim_end_matches("Cargo.toml");
    let sources: Vec<_> = files
        .iter()
        .filter(|file| file.is_rust() && file.path.starts_with(folder))
        .collect();
    let is_named = |import: &str| sources.iter().any(|file| has_word(&file.text, import));
    imports
        .filter(|import| !is_named(import))
        .map(|import| {
            let message = format!("no file of the crate names `{import}`; delete the dependency");
            Finding::new(manifest, 1, message)
        })
        .collect()
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The key of `name = …` or `name.workspace = …`.
fn key(line: &str) -> Option<&str> {
    let end = line.find(['.', ' ', '='])?;
    line.get(..end).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn a_dependency_is_taken_by_a_crate() {
        let root = "[workspace.dependencies]\na = \"=1\"\nb-c = { version = \"=2\" }\n";
        let root = sample("Cargo.toml", root);
        let taker = sample(
            "crates/x/Cargo.toml",
            "[dependencies]\na.workspace = true\n",
        );
        let findings = check(&[root.clone(), taker.clone()]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 3);
        let other = sample(
            "crates/y/Cargo.toml",
            "[dev-dependencies]\nb-c = { workspace = true, features = [\"f\"] }\n",
        );
        assert!(check(&[root, taker, other]).is_empty());
    }

    #[test]
    fn a_crate_names_what_it_takes() {
        let source = sample("crates/x/src/lib.rs", "use a_b::C;\nfn bcd() {}\n");
        let elsewhere = sample("crates/y/src/lib.rs", "use bc::D;\n");
        let files = [source, elsewhere];
        let imports = ["a_b", "bc"].into_iter();
        let findings = check_crate("crates/x/Cargo.toml", imports, &files);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].to_string().contains("`bc`"));
    }
}
