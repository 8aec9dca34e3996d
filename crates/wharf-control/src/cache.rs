//! A small cache of reads that is never older than the database.
//!
//! An entry counts only for the version of the store that it was read at. While a
//! commit is under way there is no version, and everybody reads the database: so
//! nobody sees an older state after a newer one.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

/// Most entries; a full cache is emptied.
const MOST: usize = 1_024;

/// Answers of one kind of read.
pub(crate) struct ReadCache<K, V>(RwLock<Entries<K, V>>);

struct Entries<K, V> {
    version: u64,
    values: HashMap<K, Arc<V>>,
}

impl<K, V> Default for ReadCache<K, V> {
    fn default() -> Self {
        Self(RwLock::new(Entries {
            version: 0,
            values: HashMap::new(),
        }))
    }
}

impl<K: Eq + Hash, V> ReadCache<K, V> {
    /// What was read at `version`.
    pub(crate) fn get(&self, version: u64, key: &K) -> Option<Arc<V>> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if entries.version != version {
            return None;
        }
        entries.values.get(key).map(Arc::clone)
    }

    /// Keeps what was read after `version` was taken.
    pub(crate) fn put(&self, version: u64, key: K, value: Arc<V>) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if entries.version > version {
            return;
        }
        if entries.version < version || entries.values.len() >= MOST {
            entries.values.clear();
            entries.version = version;
        }
        entries.values.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_for_its_version_alone() {
        let cache = ReadCache::default();
        cache.put(2, "a", Arc::new(1));
        assert_eq!(cache.get(2, &"a").as_deref(), Some(&1));
        assert_eq!(cache.get(4, &"a"), None);
        cache.put(4, "a", Arc::new(2));
        // A slow reader's old answer.
        cache.put(2, "a", Arc::new(1));
        assert_eq!(cache.get(4, &"a").as_deref(), Some(&2));
        assert_eq!(cache.get(2, &"a"), None);
    }

    #[test]
    fn a_full_cache_is_emptied() {
        let cache = ReadCache::default();
        for key in 0..MOST + 1 {
            cache.put(0, key, Arc::new(key));
        }
        assert_eq!(cache.get(0, &0), None);
        assert_eq!(cache.get(0, &MOST).as_deref(), Some(&MOST));
    }
}
