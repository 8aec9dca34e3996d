//! What the layout promises and no compiler checks. One file per rule.

mod imports;
mod length;
mod links;
mod lints;
mod machine;
mod module_docs;
mod modules;
mod spelling;
mod unused;

use crate::{Report, workspace::ChoreError, workspace::Workspace};

/// Walks every rule over the repository.
pub(crate) fn run(workspace: &Workspace) -> Result<Report, ChoreError> {
    let mut findings = imports::check(&workspace.metadata);
    let shipped = workspace.built(&["--package", "wharf", "--edges", "normal,build"])?;
    findings.extend(imports::check_release(&shipped));
    findings.extend(lints::check(&workspace.files));
    findings.extend(modules::check(&workspace.files));
    findings.extend(unused::check(&workspace.files));
    findings.extend(unused::check_crates(&workspace.metadata, &workspace.files));
    let mut notes = Vec::new();
    for file in &workspace.files {
        findings.extend(length::check(file));
        notes.extend(length::note(file));
        findings.extend(module_docs::check(file));
        findings.extend(spelling::check(file));
        findings.extend(machine::check(file));
        findings.extend(links::check(file, |target| {
            workspace.root.join(target).exists()
        }));
    }
    findings.sort();
    Ok(Report {
        title: "tidy",
        notes,
        findings,
    })
}

/// A file made up for the test of a rule.
#[cfg(test)]
fn sample(path: &str, text: &str) -> crate::workspace::TextFile {
    crate::workspace::TextFile {
        path: path.into(),
        text: text.into(),
    }
}
