//! The data directory: who can read it, and which server holds it.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use super::{Finding, Report};
use crate::data_dir::DataDir;

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
}

/// The pid of the server that holds the lock.
fn holder(path: &Path) -> Option<String> {
    let file = fs::File::open(path).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        // Ours for a moment, so nobody's.
        Ok(()) => None,
        Err(_) => {
            let pid = fs::read_to_string(path).ok()?;
            Some(pid.trim().to_owned())
        }
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}
