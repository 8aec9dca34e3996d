//! A Rust file that no module takes is compiled by nobody and rots unseen.

use std::collections::BTreeSet;

use crate::{finding::Finding, workspace::TextFile};

/// Files that cargo finds by itself.
const ROOTS: [&str; 3] = ["main.rs", "lib.rs", "build.rs"];

pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let taken: BTreeSet<String> = files
        .iter()
        .filter(|file| file.is_rust())
        .flat_map(children)
        .collect();
    files
        .iter()
        .filter(|file| file.is_rust() && !is_root(&file.path) && !taken.contains(&file.path))
        .map(|file| {
            let message = "no `mod` line takes this file; add one, or delete the file";
            Finding::new(&file.path, 1, message.to_owned())
        })
        .collect()
}

/// Roots of crates, and of what cargo builds beside them: each file of `tests`,
/// `examples`, `benches` and `src/bin`.
fn is_root(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = folder.rsplit('/').next().unwrap_or_default();
    ROOTS.contains(&name) || ["tests", "examples", "benches", "bin"].contains(&parent)
}

/// Where the modules that a file declares may be.
fn children(file: &TextFile) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let stem = name.trim_end_matches(".rs");
    let is_face = ROOTS.contains(&name) || stem == "mod" || is_root(&file.path);
    let below = if is_face {
        folder.to_owned()
    } else {
        format!("{folder}/{stem}")
    };
    let mut found = Vec::new();
    let mut path_attribute = None;
    for (_, line) in file.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("#[path = \"") {
            path_attribute = rest.split('"').next();
        }
        let Some(name) = declared(line) else { continue };
        match path_attribute.take() {
            Some(path) => found.push(format!("{folder}/{path}")),
            None => {
                found.push(format!("{below}/{name}.rs"));
                found.push(format!("{below}/{name}/mod.rs"));
            }
        }
    }
    found
}

/// The name in `mod name;`, with any visibility before it.
fn declared(line: &str) -> Option<&str> {
    let rest = line.strip_suffix(';')?;
    let (before, name) = rest.rsplit_once("mod ")?;
    let is_visibility = before.is_empty() || before.starts_with("pub");
    is_visibility.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn a_file_needs_a_mod_line() {
        let root = sample("crates/x/src/lib.rs", "mod a;\npub(crate) mod b;\n");
        let face = sample(
            "crates/x/src/b/mod.rs",
            "#[path = \"c_tests.rs\"]\nmod tests;\n",
        );
        let files = [
            root,
            sample("crates/x/src/a.rs", "mod inner;\n"),
            sample("crates/x/src/a/inner.rs", ""),
            face,
            sample("crates/x/src/b/c_tests.rs", ""),
            sample("crates/x/tests/it.rs", ""),
            sample("crates/x/tests/it/main.rs", ""),
            sample("crates/x/src/lost.rs", "// mod lost;\n"),
        ];
        let findings = check(&files);
        let paths: Vec<_> = findings.iter().map(|finding| &*finding.path).collect();
        assert_eq!(paths, ["crates/x/src/lost.rs"]);
    }
}
