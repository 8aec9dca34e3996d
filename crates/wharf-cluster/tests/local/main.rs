//! The local backend against real processes: a stand-in keeps the scorer's side
//! of the contract.

mod archives;
mod lives;
mod scene;
mod strays;
mod survival;

use std::num::NonZeroU32;

use scene::Scene;
use wharf_core::scaling::Scaling;

#[tokio::test]
async fn the_local_backend_keeps_the_promises() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let sample = scene.workload(Scaling::Fixed(NonZeroU32::MIN));
    wharf_testkit::backend_contract(&*backend, &sample).await;
    scene.assert_empty();
}
