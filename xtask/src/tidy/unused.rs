//! A dependency of the workspace that no crate takes is a line that lies.

use std::collections::BTreeMap;

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
}
