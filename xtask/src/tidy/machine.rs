//! Nothing of one machine: no home folder of a person, and no host of a package
//! registry, since everybody's clients know their own.

use crate::{finding::Finding, workspace::TextFile};

/// Written in two halves, so that this file passes its own rule.
const HOSTS: &[(&str, &str)] = &[
    ("crates", ".io/api"),
    ("index.crates", ".io"),
    ("static.crates", ".io"),
    ("pypi", ".org"),
    ("files.pythonhosted", ".org"),
    ("registry.npmjs", ".org"),
    ("deb.debian", ".org"),
    ("archive.ubuntu", ".com"),
    ("proxy.golang", ".org"),
];

/// Beginnings of paths that exist on one machine only.
const PATHS: &[(&str, &str)] = &[
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Us", "ers/"),
    ("/wo", "rk/"),
    ("/tmp/tar", "gets"),
];

pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    // Cargo writes its index into the lock file, by a name that is the same for all.
    if file.path == "Cargo.lock" {
        return Vec::new();
    }
    // Tests make up paths, and never open them.
    let mut is_sample = file.is_rust() && file.is_test();
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        is_sample |= file.is_rust() && line.trim() == "#[cfg(test)]";
        for (first, second) in HOSTS {
            let host = format!("{first}{second}");
            if line.contains(&host) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!(
                        "names the registry host `{host}`; name the package, clients know the host"
                    ),
                ));
            }
        }
        for (first, second) in PATHS {
            let path = format!("{first}{second}");
            if !is_sample && has_path(line, &path) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!(
                        "`{path}` is a path of one machine; make it relative or take it as an \
                         argument"
                    ),
                ));
            }
        }
    }
    findings
}

/// A folder of that name further down a path is no path of a machine.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        line[..at]
            .chars()
            .next_back()
            .is_none_or(|before| !before.is_alphanumeric() && !"/_-.}{$*<>".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn finds_paths_of_a_machine() {
        let bad = sample(
            "Makefile",
            &format!("a:\n\tcp x {}y\n", ["/ho", "me/me/"].concat()),
        );
        assert_eq!(check(&bad)[0].line, 2);
        let in_test = format!(
            "#[cfg(test)]\nlet path = \"{}x\";\n",
            ["/ho", "me/"].concat()
        );
        assert!(check(&sample("a.rs", &in_test)).is_empty());
        assert!(check(&sample("a.rs", "let path = \"data/home/x\";\n")).is_empty());
        assert!(check(&sample("a.rs", "let path = \"$base/work/x\";\n")).is_empty());
    }

    #[test]
    fn finds_registry_hosts() {
        let host = ["https://pypi", ".org/simple"].concat();
        assert_eq!(check(&sample("a.py", &host)).len(), 1);
        assert!(check(&sample("a.md", "packages come from PyPI and crates.io\n")).is_empty());
    }
}
