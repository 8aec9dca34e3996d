//! Limits that two crates hold, because neither imports the other.

/// What a deployment may ask for is what a replica can run.
#[test]
fn requests_at_once_are_the_workers_of_a_replica() {
    assert_eq!(
        wharf_core::limits::MOST_CONCURRENCY,
        wharf_scorer::MOST_WORKERS
    );
}
