//! Relative links in Markdown lead to a file of the repository.

use std::path::{Component, Path, PathBuf};

use crate::{finding::Finding, workspace::TextFile};

pub(super) fn check(file: &TextFile, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut is_code = false;
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for target in targets(line) {
            let Some(path) = resolve(&file.path, target) else {
                continue;
            };
            if !exists(&path) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!("the link `{target}` leads nowhere; mend its path"),
                ));
            }
        }
    }
    findings
}

/// What stands in `](…)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

/// `None` for links that leave the repository or stay on the page.
fn resolve(from: &str, target: &str) -> Option<PathBuf> {
    let target = target.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let mut path = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    fn exists(path: &Path) -> bool {
        path == Path::new("docs/guides/first-script.md")
    }

    #[test]
    fn follows_relative_links() {
        let good = sample(
            "docs/decisions/a.md",
            "See [it](../guides/first-script.md#run).\n",
        );
        assert!(check(&good, exists).is_empty());
        let bad = sample(
            "README.md",
            "\n[x](docs/gone.md) and [y](docs/guides/first-script.md)\n",
        );
        let findings = check(&bad, exists);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 2);
    }

    #[test]
    fn leaves_the_world_and_code_alone() {
        let text = "[a](https://example.org) [b](#here)\n```\n[c](gone.md)\n```\n";
        assert!(check(&sample("README.md", text), exists).is_empty());
    }
}
