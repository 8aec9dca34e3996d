//! The server goes and comes back; replicas run on.

use std::{
    fs,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use wharf_core::{
    backend::Backend,
    deployment::Liveness,
    scaling::{Autoscale, Scaling},
};

use crate::scene::{Scene, eventually, get, group, kill, kill_group, process, socket, wait_ready};

fn fixed(count: u32) -> Scaling {
    Scaling::Fixed(NonZeroU32::new(count).expect("not zero"))
}

fn auto(min: u32, max: u32) -> Scaling {
    let count = |count| NonZeroU32::new(count).expect("not zero");
    Scaling::Auto(Autoscale {
        min: count(min),
        max: count(max),
        target_percent: count(70),
        refresh_seconds: count(1),
    })
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
    let second = scene.start().await;
    assert_eq!(wait_ready(&second, &workload.key, 20).await, before);
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
    kill(dead);
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
async fn a_replica_whose_socket_is_gone_is_started_again_without_its_first_delay() {
    let scene = Scene::new();
    let first = scene.start().await;
    let mut workload = scene.workload(fixed(1));
    workload.liveness = Liveness {
        initial_delay_seconds: 3_600,
        period_seconds: 1,
        failure_threshold: 1,
        ..Liveness::default()
    };
    first.ensure(&workload).await.expect("ensure");
    let before = wait_ready(&first, &workload.key, 1).await;
    drop(first);
    // As after a copy of the folder was put in its place.
    fs::remove_file(socket(&before.replicas[0])).expect("removed");
    let second = scene.start().await;
    let after = wait_ready(&second, &workload.key, 1).await;
    assert_ne!(process(&after, 0), process(&before, 0));
    eventually(|| group(process(&before, 0)).is_empty()).await;
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
    eventually(|| group(process(&seen, 0)).is_empty()).await;
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
async fn what_cannot_be_read_serves_on_until_it_is_asked_for_again() {
    // A field that a later release will need; damage; a disk that does not read.
    let field = |file: &std::path::Path| {
        let text = fs::read(file).expect("read");
        let mut value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        value.as_object_mut().expect("an object").remove("python");
        fs::write(file, value.to_string()).expect("written");
    };
    let torn = |file: &std::path::Path| fs::write(file, "{").expect("written");
    let failing = |file: &std::path::Path| {
        fs::remove_file(file).expect("removed");
        fs::create_dir(file).expect("a folder cannot be read as a file");
    };
    let harms: [&dyn Fn(&std::path::Path); 3] = [&field, &torn, &failing];
    for harm in harms {
        let scene = Scene::new();
        let first = scene.start().await;
        let workload = scene.workload(fixed(2));
        first.ensure(&workload).await.expect("ensure");
        let before = wait_ready(&first, &workload.key, 2).await;
        drop(first);
        let file = scene.folder(&workload.key).join("workload.json");
        harm(&file);
        let second = scene.start().await;
        let seen = second.observe(&workload.key).await;
        seen.expect_err("unknown is not gone");
        second.scale(&workload.key, 1).await.expect_err("unknown");
        let keys = second.revisions(workload.key.deployment).await;
        assert_eq!(keys.expect("revisions"), vec![workload.key.clone()]);
        second.logs(&workload.key, 10).await.expect("logs");
        let table = second.replicas().borrow().replicas[&workload.key].clone();
        assert_eq!(table.len(), 2, "routers find them");
        for replica in &before.replicas {
            let answer = get(&socket(replica), "/").await.expect("an answer");
            assert_eq!(answer, "HTTP/1.1 200 OK");
        }
        if file.is_dir() {
            second.ensure(&workload).await.expect_err("still a folder");
            fs::remove_dir(&file).expect("the disk is well again");
        }
        second.ensure(&workload).await.expect("ensure");
        assert_eq!(wait_ready(&second, &workload.key, 2).await, before);
        second.remove(&workload.key).await.expect("remove");
        scene.assert_empty();
    }
}

#[tokio::test]
async fn what_cannot_be_read_can_be_removed() {
    let scene = Scene::new();
    let first = scene.start().await;
    let workload = scene.workload(fixed(1));
    first.ensure(&workload).await.expect("ensure");
    let before = wait_ready(&first, &workload.key, 1).await;
    drop(first);
    fs::write(scene.folder(&workload.key).join("workload.json"), "{").expect("torn");
    let second = scene.start().await;
    second.remove(&workload.key).await.expect("remove");
    assert_eq!(group(process(&before, 0)), Vec::<u32>::new());
    assert!(second.replicas().borrow().replicas.is_empty());
    assert_eq!(second.observe(&workload.key).await.expect("observe"), None);
    let keys = second.revisions(workload.key.deployment).await;
    assert_eq!(keys.expect("revisions"), Vec::new());
    assert!(!scene.folder(&workload.key).exists());
}

#[tokio::test]
async fn a_replica_whose_description_is_damaged_is_replaced_and_not_killed() {
    let scene = Scene::new();
    let first = scene.start().await;
    let workload = scene.workload(fixed(2));
    first.ensure(&workload).await.expect("ensure");
    let before = wait_ready(&first, &workload.key, 2).await;
    drop(first);
    let folder = scene.folder(&workload.key);
    fs::write(folder.join("replica-1/config.json"), "{").expect("torn");
    let second = scene.start().await;
    assert!(!group(process(&before, 1)).is_empty(), "not killed");
    assert_eq!(
        second.replicas().borrow().replicas[&workload.key].len(),
        1,
        "nobody knows how to reach the other one"
    );
    let damaged = socket(&before.replicas[1]);
    let slow = tokio::spawn(async move { get(&damaged, "/slow").await });
    let log = folder.join("replica-1/replica.log");
    eventually(|| fs::read_to_string(&log).is_ok_and(|text| text.contains("slow request"))).await;
    second.ensure(&workload).await.expect("ensure");
    let after = wait_ready(&second, &workload.key, 2).await;
    assert_eq!(after.replicas[0], before.replicas[0]);
    assert!(!group(process(&before, 1)).is_empty(), "it finishes first");
    fs::write(folder.join("replica-1/go"), "").expect("written");
    let answer = slow.await.expect("ended").expect("an answer");
    assert_eq!(answer, "HTTP/1.1 200 OK");
    eventually(|| group(process(&before, 1)).is_empty()).await;
    eventually(|| !folder.join("replica-1").exists()).await;
    second.remove(&workload.key).await.expect("remove");
}

#[tokio::test]
async fn a_number_that_cannot_be_read_ends_no_replica() {
    let scene = Scene::new();
    let first = scene.start().await;
    let workload = scene.workload(auto(1, 5));
    first.ensure(&workload).await.expect("ensure");
    first.scale(&workload.key, 3).await.expect("scale");
    let before = wait_ready(&first, &workload.key, 3).await;
    drop(first);
    fs::write(scene.folder(&workload.key).join("scale.json"), "{").expect("torn");
    let second = scene.start().await;
    assert_eq!(wait_ready(&second, &workload.key, 3).await, before);
    second.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}

#[tokio::test]
async fn a_new_revision_starts_with_as_many_as_serve() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let old = scene.workload(auto(1, 5));
    backend.ensure(&old).await.expect("ensure");
    assert_eq!(wait_ready(&backend, &old.key, 1).await.wanted, 1);
    backend.scale(&old.key, 4).await.expect("scale");
    let mut new = old.clone();
    let variables = &mut new.template.environment.variables;
    variables.insert("CODE".into(), "2".into());
    new.key.revision = new.template.revision();
    backend.ensure(&new).await.expect("ensure");
    let seen = backend.observe(&new.key).await.expect("observe");
    assert_eq!(seen.expect("there").wanted, 4);
    // Within its own bounds.
    let mut small = new.clone();
    small.scaling = auto(2, 3);
    let variables = &mut small.template.environment.variables;
    variables.insert("CODE".into(), "3".into());
    small.key.revision = small.template.revision();
    backend.ensure(&small).await.expect("ensure");
    let seen = backend.observe(&small.key).await.expect("observe");
    assert_eq!(seen.expect("there").wanted, 3);
    // Another deployment is no measure.
    let stranger = scene.workload(auto(1, 5));
    backend.ensure(&stranger).await.expect("ensure");
    let seen = backend.observe(&stranger.key).await.expect("observe");
    assert_eq!(seen.expect("there").wanted, 1);
    // The first decision counts, and outlives the server.
    backend.scale(&new.key, 2).await.expect("scale");
    backend.ensure(&new).await.expect("ensure again");
    assert_eq!(wait_ready(&backend, &new.key, 2).await.wanted, 2);
    for workload in [&old, &new, &small, &stranger] {
        backend.remove(&workload.key).await.expect("remove");
    }
    scene.assert_empty();
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
    let after = wait_ready(&second, &workload.key, 1).await;
    assert_eq!(after.wanted, 1);
    assert_eq!(after.replicas, before.replicas[..1]);
    eventually(|| group(process(&before, 1)).is_empty()).await;
    eventually(|| !folder.join("replica-1").exists()).await;
    second.remove(&workload.key).await.expect("remove");
    scene.assert_empty();
}
