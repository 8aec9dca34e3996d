//! What becomes of a request at a replica.

use std::time::Duration;

use crate::{
    client::score,
    model::{Model, within},
    router::{TestRouter, ready, route, target},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_raises_is_502_and_other_statuses_pass() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let reply = router.ask(score("raise")).await;
    assert_eq!(reply.status, 502);
    assert_eq!(reply.header("x-ms-run-function-failed"), Some("True"));
    assert_eq!(reply.json()["model"], "a", "the body stays");
    assert_eq!(router.ask(score("teapot")).await.status, 418);
    for _ in 0..20 {
        assert_eq!(router.ask(score("raise")).await.status, 502);
    }
    assert_eq!(
        router.ask(score("")).await.status,
        200,
        "bad input ejects nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scoring_timeout_is_504_whoever_notices() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |target| {
        target.scoring_timeout = Duration::from_millis(200);
    })
    .await;
    let reply = router.ask(score("late")).await;
    assert_eq!(reply.status, 504);
    assert_eq!(reply.message(), "Scoring timeout after 200 ms");
    assert_eq!(reply.header("x-wharf-scoring-timeout"), None);
    // The replica itself says nothing.
    let reply = router.ask(score("hold")).await;
    assert_eq!(reply.status, 504);
    assert_eq!(reply.message(), "Scoring timeout after 200 ms");
    // It still works on it, so its slot is taken until it is done.
    let next = router.begin(score("")).await;
    assert_eq!(model.count(), 2);
    model.let_go(1);
    model.ended(2).await;
    assert_eq!(next.await.unwrap().status, 200);
    assert_eq!(model.most(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_request_is_never_sent_again() {
    let models = [Model::start("a"), Model::start("b")];
    let router = TestRouter::iris(&[&models[0], &models[1]], |_| ()).await;
    for number in 1..=6 {
        let reply = router.ask(score("die")).await;
        assert_eq!(reply.status, 502);
        assert!(
            reply.message().contains("was not sent again"),
            "{}",
            reply.text()
        );
        assert_eq!(models[0].count() + models[1].count(), number);
    }
    assert_eq!(router.handle.counters().read().retries, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_gone_is_passed_over() {
    let model = Model::start("b");
    let replicas = vec![Model::gone("a"), model.replica.clone(), Model::gone("c")];
    let router = TestRouter::with(replicas, |_| (), |_| ()).await;
    let mut client = router.client().await;
    for _ in 0..30 {
        assert_eq!(client.ask(score("")).await.model(), "b");
    }
    assert_eq!(model.count(), 30);
    let counted = router.handle.counters().read();
    assert!(counted.retries > 0, "{counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_failed_five_times_is_left_alone() {
    let model = Model::start("b");
    let replicas = vec![Model::gone("a"), model.replica.clone()];
    let router = TestRouter::with(replicas, |_| (), |_| ()).await;
    let mut client = router.client().await;
    for _ in 0..40 {
        assert_eq!(client.ask(score("")).await.model(), "b");
    }
    assert_eq!(router.handle.counters().read().retries, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_replicas_cost_only_what_they_worked_on() {
    let [a, b] = [Model::start("a"), Model::start("b")];
    let router = TestRouter::iris(&[&a, &b], |_| ()).await;
    let mut client = router.client().await;
    // Both have idle connections to be reused.
    for _ in 0..4 {
        client.ask(score("")).await.model();
    }
    let held = [
        router.begin(score("hold")).await,
        router.begin(score("hold")).await,
    ];
    a.began(3).await;
    b.began(3).await;
    let _folder = a.kill().await;
    b.let_go(1);
    let mut statuses = Vec::new();
    for reply in held {
        statuses.push(reply.await.unwrap().status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 502]);
    for _ in 0..20 {
        assert_eq!(client.ask(score("")).await.model(), "b");
    }
    assert_eq!(b.count(), 23);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_was_closed_is_no_failure() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let mut client = router.client().await;
    assert_eq!(client.ask(score("")).await.model(), "a");
    // The same name and address, another server: the kept connection is dead.
    let address = model.replica.clone();
    let _folder = model.kill().await;
    let again = Model::start_at("a", &address);
    assert_eq!(client.ask(score("")).await.model(), "a");
    assert_eq!(again.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_comes_back_serves_who_waits() {
    let model = Model::start("a");
    let router = TestRouter::with(vec![Model::gone("x")], |_| (), |_| ()).await;
    let waiting = router.begin(score("")).await;
    let tried = async {
        while router.handle.counters().read().retries == 0 {
            tokio::task::yield_now().await;
        }
    };
    within("try", tried).await;
    router
        .replicas
        .send_replace(ready(vec![(1, vec![model.replica.clone()])]));
    assert_eq!(waiting.await.unwrap().model(), "a");
    router.change(vec![route("iris", vec![target(1)])]).await;
    assert_eq!(router.ask(score("")).await.model(), "a");
}
