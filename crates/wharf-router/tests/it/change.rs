//! Changes of routes and replicas under load, and the end of a router.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use wharf_router::Limits;

use crate::{
    client::{Client, get, score},
    model::{Model, within},
    router::{KEY, TestRouter, ready, route, table, target},
};

#[tokio::test(flavor = "multi_thread")]
async fn weights_share_the_traffic() {
    let models = [Model::start("a"), Model::start("b"), Model::start("c")];
    let router = TestRouter::iris(&[], |_| ()).await;
    router.replicas.send_replace(ready(
        (1..)
            .zip(&models)
            .map(|(number, model)| (number, vec![model.replica.clone()]))
            .collect(),
    ));
    let mut targets = vec![target(1), target(2), target(3)];
    for (target, weight) in targets.iter_mut().zip([7_500, 2_500, 0]) {
        target.weight = weight;
    }
    router.change(vec![route("iris", targets)]).await;
    let mut client = router.client().await;
    let mut by_model: HashMap<String, u32> = HashMap::new();
    for _ in 0..1000 {
        *by_model
            .entry(client.ask(score("")).await.model())
            .or_default() += 1;
    }
    // Six standard deviations of a binomial share around 250: never by chance.
    let b = by_model["b"];
    assert!((167..=333).contains(&b), "{by_model:?}");
    assert_eq!(by_model["a"] + b, 1000);
    assert_eq!(models[2].count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_routes_and_replicas_change() {
    let models: Vec<Model> = (0..4).map(|it| Model::start(&it.to_string())).collect();
    let router = TestRouter::iris(&[&models[0]], |_| ()).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut load = Vec::new();
    for is_http2 in [false, false, true, true] {
        let mut client: Client = if is_http2 {
            router.client2().await
        } else {
            router.client().await
        };
        let (is_over, answered) = (Arc::clone(&is_over), Arc::clone(&answered));
        load.push(tokio::spawn(async move {
            while !is_over.load(SeqCst) {
                let reply = client.ask(score("")).await;
                assert_eq!(reply.status, 200, "{}", reply.text());
                answered.fetch_add(1, SeqCst);
            }
        }));
    }
    for step in 0..60u32 {
        let before = answered.load(SeqCst);
        // A new revision with another replica, limits, and a split every third time.
        let next = step + 2;
        let at = |number: u32| vec![models[number as usize % models.len()].replica.clone()];
        router
            .replicas
            .send_replace(ready(vec![(next - 1, at(next - 1)), (next, at(next))]));
        let mut new = target(next);
        new.concurrency = 1 + step % 3;
        new.scoring_timeout = Duration::from_secs(u64::from(40 + step));
        let mut targets = vec![new];
        if step % 3 == 0 {
            targets.push(target(next - 1));
        }
        let other = route(&format!("other-{step}"), vec![target(next)]);
        router.change(vec![route("iris", targets), other]).await;
        let goes_on = async {
            while answered.load(SeqCst) == before {
                tokio::task::yield_now().await;
            }
        };
        within("answer after a change", goes_on).await;
    }
    is_over.store(true, SeqCst);
    for task in load {
        task.await.unwrap();
    }
    let counted = router.handle.counters().read();
    assert_eq!(
        counted.by_class[5], 60,
        "only the markers' 503: {counted:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_just_started_knows_all_its_routes() {
    let model = Model::start("a");
    let name = |number: u32| format!("service-{number}");
    let routes = (1..=5000).map(|number| route(&name(number), vec![target(number)]));
    let replicas = (1..=5000).map(|number| (number, vec![model.replica.clone()]));
    let router = TestRouter::start(
        table(routes.collect()),
        ready(replicas.collect()),
        Limits::default(),
    )
    .await;
    let mut client = router.client().await;
    for number in [1, 2500, 5000] {
        let mut request = score("");
        let path = format!("/api/v1/service/{}/score", name(number));
        *request.uri_mut() = path.parse().unwrap();
        assert_eq!(client.ask(request).await.model(), "a");
    }
    assert_eq!(client.ask(score("")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_at_an_old_route_moves_to_the_new_one() {
    let [old, new] = [Model::start("old"), Model::start("new")];
    let router = TestRouter::iris(&[&old], |_| ()).await;
    let held = router.begin(score("hold")).await;
    old.began(1).await;
    let waiting = router.begin(score("")).await;
    router.replicas.send_replace(ready(vec![
        (1, vec![old.replica.clone()]),
        (2, vec![new.replica.clone()]),
    ]));
    router.change(vec![route("iris", vec![target(2)])]).await;
    assert_eq!(waiting.await.unwrap().model(), "new");
    old.let_go(1);
    assert_eq!(held.await.unwrap().model(), "old");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_end_and_takes_no_new_ones() {
    let model = Model::start("a");
    let router = TestRouter::iris(&[&model], |target| target.concurrency = 2).await;
    let address = router.handle.local_addr();
    let mut second = router.client2().await;
    let asked = [
        router.begin(score("hold")).await,
        tokio::spawn(async move { second.ask(score("hold")).await }),
    ];
    let mut idle = router.client().await;
    assert_eq!(idle.ask(get("/", &[])).await.status, 200);
    model.began(2).await;
    let stopping = tokio::spawn(router.handle.stop());
    let closed = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within("closed listener", closed).await;
    model.let_go(2);
    for reply in asked {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    assert!(within("end", stopping).await.unwrap(), "nothing was cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_cuts_what_takes_too_long() {
    let model = Model::start("a");
    let router = TestRouter::with(
        vec![model.replica.clone()],
        |_| (),
        |limits| {
            limits.drain = Duration::from_millis(100);
        },
    )
    .await;
    let asked = router.begin(score("hold")).await;
    model.began(1).await;
    assert!(!within("end", router.handle.stop()).await);
    assert!(asked.await.is_err(), "it was cut");
}

/// An endpoint with a default deployment and one that gets all the traffic.
async fn all_to_the_second(first: &Model, second: &Model) -> TestRouter {
    let router = TestRouter::iris(&[], |_| ()).await;
    let both = [first, second].map(|model| vec![model.replica.clone()]);
    router
        .replicas
        .send_replace(ready((1..).zip(both).collect()));
    let mut targets = vec![target(1), target(2)];
    targets[0].weight = 0;
    router.change(vec![route("iris", targets)]).await;
    router
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_answers_for_a_deployment_without_replicas() {
    let (first, second) = (Model::start("default"), Model::start("trial"));
    let router = all_to_the_second(&first, &second).await;
    assert_eq!(router.ask(score("")).await.model(), "trial");
    // Killed, and the table does not know yet: nothing was sent, so it goes elsewhere.
    second.kill().await;
    assert_eq!(router.ask(score("")).await.model(), "default");
    router
        .replicas
        .send_replace(ready(vec![(1, vec![first.replica.clone()])]));
    assert_eq!(router.ask(score("")).await.model(), "default");
    // Back again, it has its share again.
    let third = Model::start("trial again");
    let both = [&first, &third].map(|model| vec![model.replica.clone()]);
    let both = ready((1..).zip(both).collect());
    router.replicas.send_replace(both);
    let returned = async { while router.ask(score("")).await.model() != "trial again" {} };
    within("the trial's share", returned).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_replica_that_leaves_is_served_by_the_default() {
    let (first, second) = (Model::start("default"), Model::start("trial"));
    let router = all_to_the_second(&first, &second).await;
    let held = router.begin(score("hold")).await;
    second.began(1).await;
    let waiting = router.begin(score("")).await;
    router
        .replicas
        .send_replace(ready(vec![(1, vec![first.replica.clone()])]));
    assert_eq!(waiting.await.unwrap().model(), "default");
    second.let_go(1);
    assert_eq!(held.await.unwrap().model(), "trial");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_for_the_default() {
    let (first, second) = (Model::start("default"), Model::start("trial"));
    let router = TestRouter::iris(&[], |_| ()).await;
    router
        .replicas
        .send_replace(ready(vec![(2, vec![second.replica.clone()])]));
    let mut targets = vec![target(1), target(2)];
    targets[0].max_wait = Duration::from_millis(50);
    targets[1].weight = 0;
    router.change(vec![route("iris", targets)]).await;
    let reply = router.ask(score("")).await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.message().contains("No replica is ready"));
    assert_eq!((first.count(), second.count()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_swagger_of_an_endpoint_is_its_defaults() {
    let (first, second) = (Model::start("default"), Model::start("trial"));
    let router = all_to_the_second(&first, &second).await;
    let key = format!("Bearer {KEY}");
    for _ in 0..3 {
        let request = get(
            "/api/v1/service/iris/swagger.json",
            &[("authorization", &key)],
        );
        let swagger = router.ask(request).await;
        assert_eq!(swagger.model(), "default");
    }
    assert_eq!(router.ask(score("")).await.model(), "trial");
}
