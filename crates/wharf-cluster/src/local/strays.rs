//! What a replica started and lost sight of: daemons with a session of their own are
//! in no group that could be killed. Every process of a replica carries a mark, one
//! for each life of its scorer, by which they are found when that life is over.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::process::Pid;

use crate::carriers;

/// The variable with the mark. The scorer passes it on to its workers.
pub(super) const VARIABLE: &str = "WHARF_REPLICA_MARK";

/// A mark for one life of the replica in `folder`. It lies beside the folder's path,
/// so that a later server knows its own among those of others.
pub(super) fn fresh_mark(folder: &Path) -> PathBuf {
    let mut mark = folder.as_os_str().to_owned();
    mark.push(format!(":{}", uuid::Uuid::new_v4().simple()));
    PathBuf::from(mark)
}

/// The mark of a running process.
pub(super) fn mark_of(pid: i32) -> Option<PathBuf> {
    carriers::value_of(Pid::from_raw(pid)?, VARIABLE)
}

/// Kills what bears one of `marks`. Blocks.
///
/// # Errors
/// As [`carriers::end`].
pub(super) fn end(marks: &BTreeSet<PathBuf>) -> io::Result<()> {
    if marks.is_empty() {
        return Ok(());
    }
    carriers::end(VARIABLE, |mark| marks.contains(mark))
}

/// Kills what bears a mark of a replica under `root`, but not one of `alive`. Blocks.
///
/// # Errors
/// As [`carriers::end`].
pub(super) fn end_others(root: &Path, alive: &BTreeSet<PathBuf>) -> io::Result<()> {
    carriers::end(VARIABLE, |mark| {
        mark.starts_with(root) && !alive.contains(mark)
    })
}

/// Ends of many replicas at once share a look through all processes.
#[derive(Debug, Default)]
pub(super) struct Strays {
    waiting: Mutex<BTreeSet<PathBuf>>,
    turn: tokio::sync::Mutex<()>,
}

impl Strays {
    /// Kills what bears `mark`, and waits for its end.
    pub(super) async fn end(&self, mark: PathBuf) {
        self.waiting().insert(mark.clone());
        let _turn = self.turn.lock().await;
        let marks = {
            let mut waiting = self.waiting();
            if !waiting.contains(&mark) {
                // Whoever had the turn before saw to it.
                return;
            }
            std::mem::take(&mut *waiting)
        };
        let ended = tokio::task::spawn_blocking(move || end(&marks)).await;
        let ended = ended.map_err(io::Error::other).flatten();
        if let Err(error) = ended {
            tracing::warn!(%error, "processes that replicas left may stay");
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
