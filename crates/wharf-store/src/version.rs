//! Which state of the database readers see, as a number: what a cache of reads
//! needs to know to be never older than the database.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Even between commits, odd while one is under way; never goes back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Version(Arc<AtomicU64>);

impl Version {
    /// From here on readers may see the old state or the new one.
    pub(crate) fn commit_begins(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// From here on readers see the new state.
    pub(crate) fn commit_ended(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// The state that every reader sees now; `None` while that changes.
    pub(crate) fn settled(&self) -> Option<u64> {
        let version = self.0.load(Ordering::SeqCst);
        version.is_multiple_of(2).then_some(version)
    }
}
