//! Slots, the queue, and the choice of a replica.

use std::{collections::HashMap, time::Duration};

use futures_util::future::{join_all, select_ok};
use tokio::task::JoinHandle;

use crate::{
    client::{Client, Reply, score},
    model::{Model, within},
    router::{TestRouter, ready, route, target},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_gets_as_many_requests_at_once_as_it_has_slots() {
    for concurrency in [1, 3] {
        let models = [Model::start("a"), Model::start("b")];
        let router = TestRouter::iris(&[&models[0], &models[1]], |target| {
            target.concurrency = concurrency;
        })
        .await;
        let slots = concurrency as usize;
        let total = 6 * slots;
        let mut asked = Vec::new();
        for _ in 0..total {
            asked.push(router.begin(score("hold")).await);
        }
        for model in &models {
            model.began(slots).await;
            model.let_go(total);
        }
        for reply in join_all(asked).await {
            assert_eq!(reply.unwrap().status, 200);
        }
        for model in &models {
            assert_eq!(model.most(), slots);
        }
        assert_eq!(models[0].count() + models[1].count(), total);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_is_told_to_come_again() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |target| {
        target.max_wait = Duration::from_millis(100);
    })
    .await;
    let first = router.begin(score("hold")).await;
    model.began(1).await;
    let reply = router.ask(score("")).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("retry-after"), Some("1"));
    let message = reply.message();
    assert!(message.contains("busy for 100 ms"), "{message}");
    assert!(message.contains("max_request_wait_time"), "{message}");
    model.let_go(1);
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(router.ask(score("")).await.status, 200);
    assert_eq!(model.count(), 2, "who was refused did not reach the model");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_replica_the_answer_says_so() {
    let router = TestRouter::with(
        Vec::new(),
        |target| {
            target.max_wait = Duration::from_millis(50);
        },
        |_| (),
    )
    .await;
    let reply = router.ask(score("")).await;
    assert_eq!(reply.status, 503);
    assert!(reply.message().contains("No replica is ready"));
    // One that comes in time serves who waits.
    router.change(vec![route("iris", vec![target(1)])]).await;
    let waiting = router.begin(score("")).await;
    let model = Model::start("a");
    router
        .replicas
        .send_replace(ready(vec![(1, vec![model.replica.clone()])]));
    assert_eq!(waiting.await.unwrap().model(), "a");
    router.change(vec![route("iris", Vec::new())]).await;
    let reply = router.ask(score("")).await;
    assert_eq!(reply.status, 503);
    assert!(reply.message().contains("No deployment of this service"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once() {
    let model = Model::start("a");
    let router = TestRouter::with(
        vec![model.replica.clone()],
        |_| (),
        |limits| {
            limits.queue_floor = 3;
            limits.queue_factor = 2;
        },
    )
    .await;
    let mut asked = vec![router.begin(score("hold")).await];
    model.began(1).await;
    // Three may wait; of these one more is refused, whichever comes last.
    for _ in 0..4 {
        asked.push(router.begin(score("hold")).await);
    }
    let (first, rest) = select_ok(asked).await.unwrap();
    assert_eq!(first.status, 503, "{}", first.text());
    assert!(
        first.message().contains("3 requests wait already"),
        "{}",
        first.text()
    );
    assert_eq!(first.header("retry-after"), Some("1"));
    model.let_go(4);
    for reply in join_all(rest).await {
        assert_eq!(reply.unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_replicas_take_turns() {
    let models: Vec<Model> = (0..8).map(|it| Model::start(&it.to_string())).collect();
    let router = TestRouter::iris(&models.iter().collect::<Vec<_>>(), |_| ()).await;
    let mut client = router.client().await;
    let mut by_model: HashMap<String, usize> = HashMap::new();
    for _ in 0..80 {
        *by_model
            .entry(client.ask(score("")).await.model())
            .or_default() += 1;
    }
    assert_eq!(by_model.len(), 8);
    assert!(by_model.values().all(|count| *count == 10), "{by_model:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_replica_is_passed_by() {
    let models = [Model::start("a"), Model::start("b")];
    let router = TestRouter::iris(&[&models[0], &models[1]], |target| target.concurrency = 8).await;
    let held = router.begin(score("hold")).await;
    let (busy, idle) = tokio::select! {
        () = models[0].began(1) => (&models[0], "b"),
        () = models[1].began(1) => (&models[1], "a"),
    };
    let mut client = router.client().await;
    for _ in 0..10 {
        assert_eq!(client.ask(score("")).await.model(), idle);
    }
    busy.let_go(1);
    assert_eq!(held.await.unwrap().status, 200);
}

/// Two routes to one replica: who asks `quick` waits shortly. One may wait.
async fn with_quick_route(model: &Model) -> TestRouter {
    let limit = |limits: &mut wharf_router::Limits| {
        limits.queue_floor = 1;
        limits.queue_factor = 1;
    };
    let router = TestRouter::with(vec![model.replica.clone()], |_| (), limit).await;
    let mut quick = target(1);
    quick.max_wait = Duration::from_millis(20);
    let routes = vec![route("iris", vec![target(1)]), route("quick", vec![quick])];
    router.change(routes).await;
    router
}

/// Asks `quick` until the refusal says this.
async fn until_refused(router: &TestRouter, text: &str) {
    let asking = async {
        loop {
            let mut request = score("");
            *request.uri_mut() = "/api/v1/service/quick/score".parse().unwrap();
            let reply = router.ask(request).await;
            assert_eq!(reply.status, 503, "the only slot is taken");
            if reply.message().contains(text) {
                return;
            }
        }
    };
    within(text, asking).await;
}

/// Opens a request that waits for the slot. Who asks `quick` at the same moment may have
/// the only place: then it is opened again.
async fn waiting(
    router: &TestRouter,
    connect: impl AsyncFn() -> Client,
    body: &'static str,
) -> JoinHandle<Reply> {
    loop {
        let mut client = connect().await;
        let mut opened = tokio::spawn(async move { client.ask(score(body)).await });
        tokio::select! {
            () = until_refused(router, "1 requests wait already") => return opened,
            reply = &mut opened => {
                assert_eq!(reply.unwrap().status, 503, "the only slot is taken");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_keeps_the_slot_until_the_model_is_done() {
    let model = Model::start("a");
    let router = with_quick_route(&model).await;
    for mut client in [router.client().await, router.client2().await] {
        let before = model.count();
        let left = tokio::spawn(async move { client.ask(score("hold")).await });
        model.began(before + 1).await;
        left.abort();
        assert!(left.await.unwrap_err().is_cancelled());
        let next = waiting(&router, async || router.client().await, "hold").await;
        assert_eq!(
            model.count(),
            before + 1,
            "the slot was given away too early"
        );
        model.let_go(2);
        assert_eq!(next.await.unwrap().status, 200);
    }
    assert_eq!(model.most(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_a_stream_keeps_the_slot_until_the_model_is_done() {
    let model = Model::start("a");
    let router = with_quick_route(&model).await;
    for mut client in [router.client().await, router.client2().await] {
        let before = model.count();
        let answer = within("head", client.send(score("stream"))).await.unwrap();
        assert_eq!(answer.status(), 200);
        drop((answer, client));
        let next = waiting(&router, async || router.client().await, "").await;
        assert_eq!(
            model.count(),
            before + 1,
            "the slot was given away too early"
        );
        // The last two pieces.
        model.let_go(2);
        assert_eq!(next.await.unwrap().status, 200);
        assert_eq!(model.count(), before + 2);
    }
    assert_eq!(model.most(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_leaves_the_queue_makes_room() {
    let model = Model::start("a");
    let router = with_quick_route(&model).await;
    let held = router.begin(score("hold")).await;
    model.began(1).await;
    for is_http2 in [false, true] {
        let connect = async || match is_http2 {
            false => router.client().await,
            true => router.client2().await,
        };
        waiting(&router, connect, "").await.abort();
        until_refused(&router, "busy for 20 ms").await;
    }
    model.let_go(1);
    assert_eq!(held.await.unwrap().status, 200);
    assert_eq!(router.ask(score("")).await.status, 200);
    assert_eq!(model.count(), 2);
}
