//! Autoscaling from the load that the router sees.

use std::num::NonZeroU32;

use wharf_core::scaling::{Autoscale, Scaling};

use crate::{
    client::score,
    model::{Model, within},
    router::{TestRouter, workload},
};

#[tokio::test(flavor = "multi_thread")]
async fn load_asks_for_replicas_at_once() {
    let model = Model::start("a");
    let number = |value| NonZeroU32::new(value).unwrap();
    let mut router = TestRouter::iris(&[&model], |target| {
        target.scaling = Scaling::Auto(Autoscale {
            min: number(1),
            max: number(10),
            target_percent: number(70),
            refresh_seconds: number(1),
        });
    })
    .await;
    // One busy and six that wait, for more than a whole period: 7 / 0.7 = 10.
    let mut asked = Vec::new();
    for _ in 0..7 {
        asked.push(router.begin(score("hold")).await);
    }
    let mut wanted = 0;
    while wanted < 10 {
        let (key, replicas) = within("scaling", router.scaled.recv()).await.unwrap();
        assert_eq!(key, workload(1));
        assert!(
            replicas > wanted,
            "never down under load: {wanted} {replicas}"
        );
        wanted = replicas;
    }
    assert_eq!(wanted, 10);
    model.let_go(7);
    for reply in asked {
        assert_eq!(reply.await.unwrap().status, 200);
    }
}
