//! The server goes and comes back; replicas run on.

use std::{
    fs,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use wharf_core::{backend::Backend, scaling::Scaling};

use crate::scene::{Scene, eventually, get, group, kill_group, process, socket, wait_ready};

fn fixed(count: u32) -> Scaling {
    Scaling::Fixed(NonZeroU32::new(count).expect("not zero"))
}

#[tokio::test]
async fn twenty_replicas_are_adopted_with_the_same_processes_while_they_serve() {
    let scene = Scene::new();
    let first = scene.start().await;
    let workload = scene.workload(fixed(20));
    first.ensure(&workload).await.expect("ensure");
    let before = wait_ready(&first, &workload.key, 20).await;
    // Serving needs no server: one request after the other, all the time.
    let sockets = before.replicas.iter().map(socket).collect::<Vec<_>>();
    let is_over = Arc::new(AtomicBool::new(false));
    let scoring = tokio::spawn({
        let is_over = Arc::clone(&is_over);
        async move {
            let mut answers = 0;
            while !is_over.load(Ordering::SeqCst) || answers < sockets.len() {
                let answer = get(&sockets[answers % sockets.len()], "/").await;
                assert_eq!(answer.expect("an answer"), "HTTP/1.1 200 OK");
                answers += 1;
            }
        }
    });
    drop(first);
    let start = Instant::now();
    let second = scene.start().await;
    assert!(start.elapsed() < Duration::from_secs(5));
    let after = second.observe(&workload.key).await.expect("observe");
    assert_eq!(after.as_ref(), Some(&before), "at once, without a wait");
    assert_eq!(second.replicas().borrow().replicas[&workload.key].len(), 20);
    is_over.store(true, Ordering::SeqCst);
    scoring.await.expect("every request was answered");

    second.ensure(&workload).await.expect("ensure again");
    assert_eq!(wait_ready(&second, &workload.key, 20).await, before);
    let revisions = second.revisions(workload.key.deployment).await;
    assert_eq!(revisions.expect("revisions"), vec![workload.key.clone()]);
    second.remove(&workload.key).await.expect("remove");
    for index in 0..20 {
        assert_eq!(group(process(&before, index)), Vec::<u32>::new());
    }
    scene.assert_empty();
}

#[tokio::test]
async fn a_process_that_was_never_written_down_is_found() {
    let scene = Scene::new();
    let first = scene.start().await;
    let workload = scene.workload(fixed(1));
    first.ensure(&workload).await.expect("ensure");
    let before = wait_ready(&first, &workload.key, 1).await;
    drop(first);
    let record = scene.folder(&workload.key).join("replica-0/process.json");
    fs::remove_file(record).expect("as if the crash came first");
    let second = scene.start().await;
    let after = wait_ready(&second, &workload.key, 1).await;
    assert_eq!(before, after);
    second.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}

#[tokio::test]
async fn a_replica_that_died_meanwhile_is_started_again() {
    let scene = Scene::new();
    let first = scene.start().await;
    let workload = scene.workload(fixed(2));
    first.ensure(&workload).await.expect("ensure");
    let before = wait_ready(&first, &workload.key, 2).await;
    drop(first);
    let dead = process(&before, 1);
    crate::scene::kill(dead);
    let second = scene.start().await;
    let after = wait_ready(&second, &workload.key, 2).await;
    assert_eq!(after.replicas[0], before.replicas[0]);
    assert_ne!(process(&after, 1), dead);
    assert_eq!(after.replicas[1].restarts, 1);
    // The worker that it left is gone too.
    eventually(|| group(dead).is_empty()).await;
    second.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}

#[tokio::test]
async fn orphans_are_killed_and_halves_removed() {
    let scene = Scene::new();
    let first = scene.start().await;
    let (whole, half) = (scene.workload(fixed(1)), scene.workload(fixed(1)));
    for workload in [&whole, &half] {
        first.ensure(workload).await.expect("ensure");
        wait_ready(&first, &workload.key, 1).await;
    }
    let seen = wait_ready(&first, &half.key, 1).await;
    drop(first);
    fs::remove_file(scene.folder(&half.key).join("workload.json")).expect("remove it");
    fs::create_dir(scene.root().join(".trash-1")).expect("a leftover");
    fs::create_dir(scene.folder(&whole.key).join(".app-1")).expect("a leftover");
    let second = scene.start().await;
    eventually(|| group(process(&seen, 0)).is_empty()).await;
    assert_eq!(second.observe(&half.key).await.expect("observe"), None);
    assert!(!scene.folder(&half.key).exists());
    assert!(!scene.root().join(".trash-1").exists());
    assert!(!scene.folder(&whole.key).join(".app-1").exists());
    wait_ready(&second, &whole.key, 1).await;
    second.remove(&whole.key).await.expect("remove");
}

#[tokio::test]
async fn after_a_reboot_files_are_made_again() {
    let scene = Scene::new();
    let first = scene.start().await;
    let mut workload = scene.workload(fixed(1));
    workload
        .template
        .code
        .push(wharf_core::deployment::CodeFile {
            name: "score.py".into(),
            digest: scene.put(b"def run(data): return data"),
            size: 26,
            unpack: false,
        });
    workload.key.revision = workload.template.revision();
    first.ensure(&workload).await.expect("ensure");
    let seen = wait_ready(&first, &workload.key, 1).await;
    drop(first);
    kill_group(process(&seen, 0));
    let folder = scene.folder(&workload.key);
    fs::write(folder.join("staged.json"), r#"{"boot":"another"}"#).expect("another boot");
    let script = folder.join("app/score.py");
    fs::remove_file(&script).expect("lost in the power cut");
    let second = scene.start().await;
    wait_ready(&second, &workload.key, 1).await;
    let text = fs::read_to_string(&script).expect("there again");
    assert_eq!(text, "def run(data): return data");
    second.remove(&workload.key).await.expect("remove");
}

#[tokio::test]
async fn replicas_beyond_the_number_leave_after_a_restart() {
    let scene = Scene::new();
    let first = scene.start().await;
    let workload = scene.workload(fixed(2));
    first.ensure(&workload).await.expect("ensure");
    let before = wait_ready(&first, &workload.key, 2).await;
    drop(first);
    // As if the server had died between writing the number down and acting on it.
    let folder = scene.folder(&workload.key);
    fs::write(folder.join("scale.json"), r#"{"wanted":1}"#).expect("the number");
    let second = scene.start().await;
    let after = second.observe(&workload.key).await.expect("observe");
    let after = after.expect("it is there");
    assert_eq!(after.wanted, 1);
    assert_eq!(after.replicas, before.replicas[..1]);
    eventually(|| group(process(&before, 1)).is_empty()).await;
    eventually(|| !folder.join("replica-1").exists()).await;
    second.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}
