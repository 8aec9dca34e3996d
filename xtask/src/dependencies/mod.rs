//! Licences, sources and bans, read from `deny.toml` and judged from what cargo
//! resolved, so that a machine with Rust alone can check them.
//!
//! `cargo deny` reads the same file. What only it can do, security advisories, is
//! said plainly in a note.

mod licence;
mod policy;

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::Package;

use self::policy::Policy;
use crate::{Report, finding::Finding, workspace::ChoreError, workspace::Workspace};

const POLICY_FILE: &str = "deny.toml";
/// The only place where crates come from.
const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Judges every crate that the shipped targets compile.
pub(crate) fn run(workspace: &Workspace) -> Result<Report, ChoreError> {
    let path = workspace.root.join(POLICY_FILE);
    let text =
        std::fs::read_to_string(&path).map_err(|source| ChoreError::File { path, source })?;
    let policy: Policy = toml::from_str(&text)?;
    let mut built = BTreeSet::new();
    for target in &policy.graph.targets {
        built.extend(workspace.built(&["--workspace", "--edges", "all", "--target", target])?);
    }
    let packages: Vec<&Package> = workspace
        .metadata
        .packages
        .iter()
        .filter(|package| built.contains(&(package.name.to_string(), package.version.to_string())))
        .collect();
    let findings = judge(&policy, &packages, &text);
    let notes = vec![
        format!(
            "{} crates, for {}",
            packages.len(),
            policy.graph.targets.join(" and ")
        ),
        "security advisories and yanked versions were NOT checked: their database needs the \
         network; `cargo deny check advisories` does it"
            .to_owned(),
    ];
    Ok(Report {
        title: "dependencies",
        notes,
        findings,
    })
}

fn judge(policy: &Policy, packages: &[&Package], text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |about: &str, message: String| {
        findings.push(Finding::new(POLICY_FILE, line_of(text, about), message));
    };
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for package in packages {
        let name = package.name.as_str();
        versions
            .entry(name)
            .or_default()
            .insert(package.version.to_string());
        let Some(source) = &package.source else {
            continue; // Ours.
        };
        if source.repr != INDEX {
            refuse(
                "[sources]",
                format!("`{name}` comes from {source}; take a published version"),
            );
        }
        if let Some(ban) = policy.bans.deny.iter().find(|ban| ban.name == name) {
            refuse(
                name,
                format!(
                    "`{name}` is banned ({}); `cargo tree -i {name}` shows who wants it",
                    ban.reason
                ),
            );
        }
        let allows = |id: &str| policy.licenses.allow.iter().any(|allowed| allowed == id);
        match package.license.as_deref() {
            Some(expression) if licence::is_allowed(expression, &allows) => {}
            Some(expression) => refuse(
                "[licenses]",
                format!(
                    "`{name}` is licensed `{expression}`, which the list does not allow; replace the crate or add the licence with care"
                ),
            ),
            None => refuse(
                "[licenses]",
                format!("`{name}` names no licence; replace the crate"),
            ),
        }
    }
    for (name, found) in &versions {
        let held: BTreeSet<&String> = found
            .iter()
            .filter(|version| policy.bans.skips(name, version))
            .collect();
        if found.len() - held.len() > 1 {
            let list: Vec<_> = found.iter().map(String::as_str).collect();
            refuse(
                "skip",
                format!(
                    "`{name}` is built {} times ({}); agree on one, or add the older to `skip` with who holds it back",
                    found.len(),
                    list.join(", ")
                ),
            );
        }
    }
    for skip in &policy.bans.skip {
        let (name, version) = skip.parts();
        let is_there = versions
            .get(name)
            .is_some_and(|found| found.iter().any(|have| policy::covers(version, have)));
        if !is_there {
            refuse(
                &skip.spec,
                format!(
                    "`{}` is skipped but not built any more; delete the entry",
                    skip.spec
                ),
            );
        }
        if skip.reason.trim().is_empty() {
            refuse(
                &skip.spec,
                format!("`{}` is skipped without a reason", skip.spec),
            );
        }
    }
    findings
}

fn line_of(text: &str, about: &str) -> usize {
    text.lines()
        .position(|line| line.contains(about))
        .map_or(1, |index| index + 1)
}
