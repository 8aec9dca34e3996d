//! Every crate takes the workspace's lints: one that does not has none of them.

use serde::Deserialize;

use crate::{finding::Finding, workspace::TextFile};

#[derive(Deserialize)]
struct Manifest {
    package: Option<toml::Value>,
    lints: Option<Lints>,
}

#[derive(Deserialize)]
struct Lints {
    workspace: Option<bool>,
}

pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"))
        .filter_map(check_manifest)
        .collect()
}

fn check_manifest(file: &TextFile) -> Option<Finding> {
    let manifest: Manifest = match toml::from_str(&file.text) {
        Ok(manifest) => manifest,
        Err(error) => return Some(Finding::new(&file.path, 1, error.to_string())),
    };
    // The root has no package of its own.
    manifest.package.as_ref()?;
    let takes = manifest.lints.and_then(|lints| lints.workspace) == Some(true);
    (!takes).then(|| {
        Finding::new(
            &file.path,
            1,
            "the crate does not take the workspace's lints; add `[lints]` with `workspace = true`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn a_crate_takes_the_lints() {
        let good = sample(
            "crates/a/Cargo.toml",
            "[package]\nname = \"a\"\n[lints]\nworkspace = true\n",
        );
        assert!(check(&[good]).is_empty());
        let dotted = sample(
            "crates/a/Cargo.toml",
            "lints.workspace = true\n[package]\nname = \"a\"\n",
        );
        assert!(check(&[dotted]).is_empty());
        let bad = sample("crates/a/Cargo.toml", "[package]\nname = \"a\"\n");
        assert_eq!(check(&[bad]).len(), 1);
    }

    #[test]
    fn a_root_without_a_package_needs_none() {
        assert!(check(&[sample("Cargo.toml", "[workspace]\n")]).is_empty());
    }
}
