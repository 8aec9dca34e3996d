//! Killed at any point, told anything twice, failed once anywhere: the end is the
//! same as that of an undisturbed run.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use wharf_core::operation::OperationState;
use wharf_testkit::{Interference, Mishap};

use super::story::{Chapter, SERVICE, Told, VERSIONS, ends};
use crate::{reconcile::FaultPoint, testing::TestApp};

/// Stories told at once.
const AT_ONCE: usize = 8;
/// Points that a life passes before it is killed; with fewer it might never get on.
const LIVES: std::ops::RangeInclusive<usize> = 6..=12;
/// The same where one look is at two versions.
const LIVES_OF_VERSIONS: std::ops::RangeInclusive<usize> = 9..=12;
/// A call fails, and then each so-manieth after it: more than one step makes, so
/// that its next try gets through.
const EVERY: usize = 9;

async fn undisturbed(story: &'static [Chapter]) -> Vec<String> {
    let mut told = Told::new(story, TestApp::new().await);
    let remembered = told.tell(None).await;
    let failed: Vec<_> = ends(&told)
        .await
        .into_iter()
        .enumerate()
        .filter(|(_, state)| *state != OperationState::Succeeded)
        .collect();
    let bad = |chapter: &Chapter| matches!(chapter, Chapter::BadUpdate | Chapter::BadVersion);
    let bad = story.iter().position(bad).expect("a bad chapter");
    assert!(
        matches!(&failed[..], [(at, OperationState::Failed(failure))]
            if *at == bad && failure.message.contains("KeyError")),
        "{failed:?}"
    );
    remembered
}

/// Tells `story` with a kill at each of `points`; all points that it was killed at.
async fn killed_at(
    story: &'static [Chapter],
    points: impl Iterator<Item = FaultPoint>,
    lives: std::ops::RangeInclusive<usize>,
) -> BTreeSet<FaultPoint> {
    let expected = undisturbed(story).await;
    let points = points.map(|point| (Some(point), 9));
    let lives = lives.map(|life| (None, life));
    let runs = points.chain(lives).map(|(first, life)| {
        let expected = expected.clone();
        async move {
            let mut told = Told::new(story, TestApp::new().await);
            told.kill(first, life);
            told.tell(Some(&expected)).await;
            told.killed_at
        }
    });
    stream::iter(runs)
        .buffer_unordered(AT_ONCE)
        .fold(BTreeSet::new(), async |mut all, hit| {
            all.extend(hit);
            all
        })
        .await
}

fn check_hit(points: impl IntoIterator<Item = FaultPoint>, hit: &BTreeSet<FaultPoint>) {
    let missed: Vec<_> = points.into_iter().filter(|it| !hit.contains(it)).collect();
    assert!(missed.is_empty(), "never killed at {missed:?}");
}

/// Points that only an endpoint with versions comes to.
const OF_VERSIONS: [FaultPoint; 2] = [
    FaultPoint::EndpointNoted,
    FaultPoint::EndpointRetiredRemoved,
];

#[tokio::test]
async fn a_reconciler_killed_at_any_point_ends_the_same() {
    let points = FaultPoint::ALL.iter().copied();
    let points = points.filter(|point| !OF_VERSIONS.contains(point));
    let hit = killed_at(SERVICE, points.clone(), LIVES).await;
    check_hit(points, &hit);
}

#[tokio::test]
async fn versions_killed_at_any_point_end_the_same() {
    use FaultPoint::{
        EndpointFailureWritten, EndpointReachedWritten, EndpointRouted, EndpointServingWritten,
    };
    let others = [
        EndpointServingWritten,
        EndpointRouted,
        EndpointReachedWritten,
        EndpointFailureWritten,
    ];
    let points = OF_VERSIONS.into_iter().chain(others);
    let hit = killed_at(VERSIONS, points.clone(), LIVES_OF_VERSIONS).await;
    check_hit(points, &hit);
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

async fn each_call_twice(story: &'static [Chapter]) {
    let expected = undisturbed(story).await;
    let test = with_mishap(Mishap::Twice).await;
    Told::new(story, test).tell(Some(&expected)).await;
}

async fn each_call_failing(story: &'static [Chapter]) {
    let expected = undisturbed(story).await;
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
            Told::new(story, test).tell(Some(&expected)).await;
        }
    });
    stream::iter(runs)
        .buffer_unordered(AT_ONCE)
        .for_each(async |()| {})
        .await;
}

#[tokio::test]
async fn each_call_made_twice_changes_nothing() {
    each_call_twice(SERVICE).await;
    each_call_twice(VERSIONS).await;
}

#[tokio::test]
async fn each_call_failing_once_changes_nothing() {
    each_call_failing(SERVICE).await;
}

#[tokio::test]
async fn each_call_for_versions_failing_once_changes_nothing() {
    each_call_failing(VERSIONS).await;
}

#[tokio::test]
async fn a_clock_that_jumps_at_each_point_changes_nothing() {
    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;
    let expected = undisturbed(SERVICE).await;
    for (name, seconds, is_back) in [
        ("a day back", DAY, true),
        ("an hour ahead", HOUR, false),
        ("ten years ahead", 3_650 * DAY, false),
    ] {
        let test = TestApp::new().await;
        let clock = Arc::clone(&test.clock);
        let passes = AtomicUsize::new(0);
        test.app.inner.faults.at_each(move || {
            let by = Duration::from_secs(seconds);
            // There, and right again at the next point.
            let is_odd = passes.fetch_add(1, Ordering::SeqCst) % 2 == 1;
            match is_odd == is_back {
                true => clock.advance(by),
                false => clock.turn_back(by),
            }
        });
        let remembered = Told::new(SERVICE, test).tell(None).await;
        assert_eq!(remembered, expected, "{name}");
    }
}
