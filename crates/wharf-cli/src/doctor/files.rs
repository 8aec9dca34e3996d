//! The data directory: who can read it, and which server holds it.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use super::{Finding, Report};
use crate::{
    data_dir::DataDir,
    replicas::{counted, running_replicas},
};

const SUBJECT: &str = "data directory";

/// Modes, owner, and the lock.
pub(crate) fn check(dir: &DataDir, report: &mut Report) {
    let mut open = Vec::new();
    let secret_files = [dir.admin(), dir.env(), dir.leaf()];
    let keys = fs::read_dir(dir.keys()).into_iter().flatten();
    let keys = keys.filter_map(Result::ok).map(|entry| entry.path());
    let paths = [dir.root().to_owned(), dir.keys()]
        .into_iter()
        .chain(secret_files)
        .chain(keys);
    for path in paths {
        if let Ok(found) = fs::metadata(&path)
            && found.permissions().mode() & 0o077 != 0
        {
            open.push(path);
        }
    }
    if open.is_empty() {
        report.add(Finding::ok(
            SUBJECT,
            format!("{} is for its owner alone", dir.root().display()),
        ));
    } else {
        let names: Vec<_> = open.iter().map(|path| path.display().to_string()).collect();
        report.add(
            Finding::fail(SUBJECT, format!("others can read {}", names.join(", ")))
                .with_advice(format!("chmod -R go= {}", quoted(dir.root()))),
        );
    }
    if let Ok(found) = fs::metadata(dir.root())
        && found.uid() != rustix::process::geteuid().as_raw()
    {
        report.add(Finding::note(
            SUBJECT,
            format!("it belongs to user {}, not to you", found.uid()),
        ));
    }
    report.add(match holder(&dir.lock()) {
        Some(pid) => Finding::ok(
            SUBJECT,
            format!("in use by the server with process id {pid}"),
        ),
        None => Finding::note(SUBJECT, "no server uses it now").with_advice("wharf server"),
    });
    let replicas = running_replicas(dir).len();
    if replicas > 0 && holder(&dir.lock()).is_none() {
        let text = format!("{} of it run without a server", counted(replicas));
        let root = quoted(dir.root());
        report.add(Finding::note(SUBJECT, text).with_advice(format!(
            "wharf server --data-dir {root} takes them over\nwharf replicas stop --data-dir {root} \
             ends them"
        )));
    }
}

/// The pid of the server that holds the lock: the process that the file names, if
/// it has the file open. To try the lock would get in the way of a server that
/// starts just then.
fn holder(path: &Path) -> Option<u32> {
    let text = fs::read_to_string(path).ok()?;
    let pid: u32 = text.trim().parse().ok()?;
    let path = fs::canonicalize(path).ok()?;
    let mut open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let is_open = open.any(|entry| {
        let target = entry.and_then(|entry| fs::read_link(entry.path()));
        target.is_ok_and(|target| target == path)
    });
    is_open.then_some(pid)
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}
