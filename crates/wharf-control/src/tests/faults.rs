//! Killed at any point, told anything twice, failed once anywhere: the end is the
//! same as that of an undisturbed run.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{StreamExt as _, stream};
use wharf_core::operation::OperationState;
use wharf_testkit::{Interference, Mishap};

use super::story::{Told, ends};
use crate::{reconcile::FaultPoint, testing::TestApp};

/// Stories told at once.
const AT_ONCE: usize = 8;
/// Points that a life passes before it is killed; with fewer it might never get on.
const LIVES: std::ops::RangeInclusive<usize> = 6..=12;
/// A call fails, and then each so-manieth after it: more than one step makes, so
/// that its next try gets through.
const EVERY: usize = 9;

async fn undisturbed() -> Vec<String> {
    let mut told = Told::new(TestApp::new().await);
    let remembered = told.tell(None).await;
    let failed: Vec<_> = ends(&told)
        .await
        .into_iter()
        .enumerate()
        .filter(|(_, state)| *state != OperationState::Succeeded)
        .collect();
    // The bad update alone.
    assert!(
        matches!(&failed[..], [(5, OperationState::Failed(failure))] if failure.message.contains("KeyError")),
        "{failed:?}"
    );
    remembered
}

#[tokio::test]
async fn a_reconciler_killed_at_any_point_ends_the_same() {
    let expected = undisturbed().await;
    let points = FaultPoint::ALL.iter().map(|point| (Some(*point), 9));
    let lives = LIVES.map(|life| (None, life));
    let runs = points.chain(lives).map(|(first, life)| {
        let expected = expected.clone();
        async move {
            let mut told = Told::new(TestApp::new().await);
            told.kill(first, life);
            told.tell(Some(&expected)).await;
            told.killed_at
        }
    });
    let hit: BTreeSet<FaultPoint> = stream::iter(runs)
        .buffer_unordered(AT_ONCE)
        .fold(BTreeSet::new(), async |mut all, hit| {
            all.extend(hit);
            all
        })
        .await;
    let every: BTreeSet<_> = FaultPoint::ALL.iter().copied().collect();
    let missed: Vec<_> = every.difference(&hit).collect();
    assert!(missed.is_empty(), "never killed at {missed:?}");
}

async fn with_mishap(mishap: Mishap) -> TestApp {
    TestApp::with(move |settings| {
        let interference = Arc::new(Interference::new(
            mishap,
            Arc::clone(&settings.backend),
            Arc::clone(&settings.provider),
            Arc::clone(&settings.environments),
        ));
        settings.backend = Arc::<Interference>::clone(&interference);
        settings.provider = Arc::<Interference>::clone(&interference);
        settings.environments = interference;
    })
    .await
}

#[tokio::test]
async fn each_call_made_twice_changes_nothing() {
    let expected = undisturbed().await;
    let test = with_mishap(Mishap::Twice).await;
    Told::new(test).tell(Some(&expected)).await;
}

#[tokio::test]
async fn each_call_failing_once_changes_nothing() {
    let expected = undisturbed().await;
    // Between them these fail each call.
    let mishaps = (0..EVERY).flat_map(|first| {
        let every = EVERY;
        [
            Mishap::FailBefore { first, every },
            Mishap::FailAfter { first, every },
        ]
    });
    let runs = mishaps.map(|mishap| {
        let expected = expected.clone();
        async move {
            let test = with_mishap(mishap).await;
            Told::new(test).tell(Some(&expected)).await;
        }
    });
    stream::iter(runs)
        .buffer_unordered(AT_ONCE)
        .for_each(async |()| {})
        .await;
}
