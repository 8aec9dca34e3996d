//! Replicas that fail, crash, hang, and leave.

use std::{num::NonZeroU32, time::Duration};

use wharf_core::{
    backend::{Backend, ReplicaPhase},
    deployment::Liveness,
    scaling::{Autoscale, Scaling},
};

use crate::scene::{Scene, eventually, get, group, kill, process, socket, wait_ready, wait_until};

const ONE: Scaling = Scaling::Fixed(NonZeroU32::MIN);

#[tokio::test]
async fn a_killed_replica_is_started_again_without_leftovers() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let workload = scene.workload(ONE);
    let mut changes = backend.changes();
    backend.ensure(&workload).await.expect("ensure");
    let before = wait_ready(&backend, &workload.key, 1).await;
    let first = process(&before, 0);
    let family = "the stand-in, its worker, and what the script started";
    wait_for_group(first, 3, family).await;
    kill(first);
    let after = wait_until(&backend, &workload.key, |seen| {
        seen.ready() == 1 && seen.replicas[0].process != Some(first)
    })
    .await;
    assert_eq!(after.replicas[0].restarts, 1);
    assert_eq!(after.replicas[0].id, before.replicas[0].id);
    assert_eq!(group(first), Vec::<u32>::new());
    assert_eq!(changes.recv().await.expect("told"), workload.key);
    backend.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}

async fn wait_for_group(leader: u32, count: usize, what: &str) {
    eventually(|| group(leader).len() == count).await;
    assert_eq!(group(leader).len(), count, "{what}");
}

#[tokio::test]
async fn what_a_script_started_goes_with_a_replica_whose_scorer_was_killed() {
    let scene = Scene::new();
    let first = scene.start().await;
    let workload = scene.workload(ONE);
    first.ensure(&workload).await.expect("ensure");
    let seen = wait_ready(&first, &workload.key, 1).await;
    let leader = process(&seen, 0);
    let family = "the stand-in, its worker, and what the script started";
    wait_for_group(leader, 3, family).await;
    // The server is gone when the scorer dies; the next one is told to remove.
    drop(first);
    kill(leader);
    eventually(|| group(leader).len() == 2).await;
    let second = scene.start().await;
    second.remove(&workload.key).await.expect("remove");
    assert_eq!(group(leader), Vec::<u32>::new());
    scene.assert_empty();
}

#[tokio::test]
async fn a_failing_init_is_told_and_its_log_stays() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let mut workload = scene.workload(ONE);
    let message = "KeyError: 'AZUREML_MODEL'";
    let variables = &mut workload.template.environment.variables;
    variables.insert("FAIL".into(), message.into());
    workload.key.revision = workload.template.revision();
    workload
        .notices
        .push("python 3.8 asked for, 3.11 used".into());
    backend.ensure(&workload).await.expect("ensure");
    let failed = ReplicaPhase::Failed {
        message: message.into(),
    };
    wait_until(&backend, &workload.key, |seen| {
        seen.replicas
            .iter()
            .any(|it| it.phase == failed && it.process.is_none())
    })
    .await;
    // The log of a replica that is down, with the notices first.
    let log = backend.logs(&workload.key, 100).await.expect("logs");
    assert!(
        log.starts_with("python 3.8 asked for, 3.11 used\n"),
        "{log}"
    );
    assert!(log.ends_with(&format!("{message}\n")), "{log}");
    assert_eq!(
        backend.logs(&workload.key, 1).await.expect("logs"),
        format!("{message}\n")
    );
    assert!(
        log.contains("argv ['scorer'] env ['LC_CTYPE', 'PATH', 'WHARF_REPLICA_MARK']"),
        "{log}"
    );
    wait_until(&backend, &workload.key, |seen| {
        seen.replicas[0].restarts == 2
    })
    .await;
    assert!(backend.replicas().borrow().replicas.is_empty());
    backend.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}

#[tokio::test]
async fn a_replica_that_stops_answering_is_replaced() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let mut workload = scene.workload(ONE);
    workload.liveness = Liveness {
        period_seconds: 1,
        initial_delay_seconds: 1,
        timeout_seconds: 1,
        success_threshold: 1,
        failure_threshold: 2,
    };
    backend.ensure(&workload).await.expect("ensure");
    let before = wait_ready(&backend, &workload.key, 1).await;
    let first = process(&before, 0);
    let status = get(&socket(&before.replicas[0]), "/hang")
        .await
        .expect("hang");
    assert_eq!(status, "HTTP/1.1 200 OK");
    wait_until(&backend, &workload.key, |seen| {
        let said = "the replica did not answer 2 health probes in a row";
        matches!(&seen.replicas[0].phase, ReplicaPhase::Failed { message } if message == said)
    })
    .await;
    wait_until(&backend, &workload.key, |seen| {
        seen.ready() == 1 && seen.replicas[0].process != Some(first)
    })
    .await;
    backend.remove(&workload.key).await.expect("remove");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let workload = scene.workload(ONE);
    std::fs::remove_file(scene.root().with_file_name("stand-in")).expect("remove it");
    backend.ensure(&workload).await.expect("ensure");
    wait_until(&backend, &workload.key, |seen| {
        matches!(&seen.replicas[0].phase, ReplicaPhase::Failed { message }
            if message.contains("No such file"))
    })
    .await;
    backend.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}

#[tokio::test]
async fn a_leaving_replica_gets_nothing_new_and_finishes_what_it_has() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let two = NonZeroU32::new(2).expect("not zero");
    let workload = scene.workload(Scaling::Auto(Autoscale {
        min: NonZeroU32::MIN,
        max: two,
        target_percent: two,
        refresh_seconds: two,
    }));
    backend.ensure(&workload).await.expect("ensure");
    backend.scale(&workload.key, 2).await.expect("scale up");
    let seen = wait_ready(&backend, &workload.key, 2).await;
    let newest = socket(&seen.replicas[1]);
    let pid = process(&seen, 1);
    let slow = tokio::spawn(async move { get(&newest, "/slow").await });
    let log = scene.folder(&workload.key).join("replica-1/replica.log");
    eventually(|| std::fs::read_to_string(&log).is_ok_and(|text| text.contains("slow request")))
        .await;
    backend.scale(&workload.key, 1).await.expect("scale down");
    let table = backend.replicas().borrow().replicas[&workload.key].clone();
    assert_eq!(table.len(), 1, "out of the table at once");
    assert_eq!(table[0].id, seen.replicas[0].id);
    assert!(!group(pid).is_empty(), "still working");
    std::fs::write(log.with_file_name("go"), "").expect("written");
    let answer = slow.await.expect("ended").expect("an answer");
    assert_eq!(answer, "HTTP/1.1 200 OK");
    eventually(|| group(pid).is_empty()).await;
    eventually(|| !log.exists()).await;
    backend.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}

#[tokio::test]
async fn a_replica_that_will_not_end_is_killed() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let mut workload = scene.workload(ONE);
    workload.template.scoring_timeout = Duration::from_millis(100);
    let variables = &mut workload.template.environment.variables;
    variables.insert("STUBBORN".into(), "1".into());
    backend.ensure(&workload).await.expect("ensure");
    let seen = wait_ready(&backend, &workload.key, 1).await;
    backend.remove(&workload.key).await.expect("remove");
    assert_eq!(group(process(&seen, 0)), Vec::<u32>::new());
    scene.assert_empty();
}
