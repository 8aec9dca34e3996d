//! A read is never older than what was answered before it.

use wharf_core::{compute::ComputeRequest, operation::OperationState, resource::Observed};

use crate::testing::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_is_never_older_than_an_answered_write() {
    let test = TestApp::new().await;
    test.create_compute("mine").await;
    test.stop_reconcilers().await;
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    let generation = async || {
        let (_, compute) = app.compute_get(caller, path, "mine").await.unwrap();
        compute.generation
    };
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (app, caller, path) = (app.clone(), caller.clone(), path.clone());
            let stopped = stopped.clone();
            tokio::spawn(async move {
                let mut newest = wharf_core::resource::Generation::FIRST;
                while !*stopped.borrow() {
                    let (_, compute) = app.compute_get(&caller, &path, "mine").await.unwrap();
                    assert!(compute.generation >= newest, "went back");
                    newest = compute.generation;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..100 {
        let written = app
            .compute_put(caller, path, "mine", ComputeRequest::default())
            .await
            .unwrap();
        assert_eq!(generation().await, written.resource.generation);
        assert_eq!(generation().await, written.resource.generation);
    }
    stop.send_replace(true);
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_an_operation_has_ended_the_compute_shows_it() {
    let test = TestApp::new().await;
    test.start_reconcilers();
    let (app, caller, path) = (&test.app, &test.caller, &test.path);
    for _ in 0..30 {
        let written = app
            .compute_put(caller, path, "mine", ComputeRequest::default())
            .await
            .unwrap();
        loop {
            // Fills the cache with what is there at any moment.
            app.compute_get(caller, path, "mine").await.unwrap();
            let operation = test.operation(written.operation).await;
            let (_, compute) = app.compute_get(caller, path, "mine").await.unwrap();
            if operation.state == OperationState::Succeeded {
                assert_eq!(compute.observed, Observed::Reached(compute.generation));
                break;
            }
        }
    }
}
