//! Nothing that a replica started outlives it, whatever group it is in.

use std::{
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use wharf_core::{
    backend::{Backend, Workload},
    scaling::Scaling,
};

use crate::scene::{Scene, eventually, group, kill, kill_group, process, wait_ready};

/// A workload whose replicas start daemons, and the file with their pids.
fn with_daemons(scene: &Scene, replicas: u32) -> (Workload, PathBuf) {
    let count = NonZeroU32::new(replicas).expect("not zero");
    let mut workload = scene.workload(Scaling::Fixed(count));
    // Beside the workloads, which are gone in the end.
    let file = scene.root().with_file_name(workload.key.to_string());
    let variables = &mut workload.template.environment.variables;
    let path = file.to_string_lossy().into_owned();
    variables.insert("DAEMONS".into(), path);
    (workload, file)
}

fn pids(file: &Path) -> Vec<u32> {
    let text = fs::read_to_string(file).expect("pids");
    text.lines()
        .map(|pid| pid.parse().expect("a pid"))
        .collect()
}

/// One that was killed but not collected has no command.
fn is_running(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn all_run(pids: &[u32]) -> bool {
    pids.iter().all(|pid| is_running(*pid))
}

fn none_runs(pids: &[u32]) -> bool {
    !pids.iter().any(|pid| is_running(*pid))
}

/// A process that is not the backend's; killed when the test ends.
struct Foreign(Child);

impl Foreign {
    fn start(mark: Option<PathBuf>) -> Self {
        let mut command = Command::new("sleep");
        command.arg("600");
        if let Some(mark) = mark {
            command.env("WHARF_REPLICA_MARK", mark);
        }
        Self(command.spawn().expect("sleep"))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn daemons_end_with_their_replica_and_nobody_elses() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let (mine, file) = with_daemons(&scene, 3);
    let (other, others) = with_daemons(&scene, 1);
    for (workload, ready) in [(&mine, 3), (&other, 1)] {
        backend.ensure(workload).await.expect("ensure");
        wait_ready(&backend, &workload.key, ready).await;
    }
    // Another server's, whose folder's name begins as this one's does, and none's.
    let elsewhere = format!("{}-2/x:1", scene.root().display());
    let mut foreign = [Some(elsewhere.into()), None].map(Foreign::start);

    let (daemons, others) = (pids(&file), pids(&others));
    assert_eq!((daemons.len(), others.len()), (6, 2));
    assert!(all_run(&daemons) && all_run(&others));
    backend.remove(&mine.key).await.expect("remove");
    assert!(none_runs(&daemons), "at once: the removal is over");
    assert!(all_run(&others));
    backend.remove(&other.key).await.expect("remove");
    assert!(none_runs(&others));
    drop(backend);
    drop(scene.start().await);
    for process in &mut foreign {
        assert_eq!(process.0.try_wait().expect("a child"), None);
    }
    fs::remove_file(file).expect("pids");
}

#[tokio::test]
async fn daemons_of_a_scorer_that_was_killed_end_before_the_next_starts() {
    let scene = Scene::new();
    let backend = scene.start().await;
    let (workload, file) = with_daemons(&scene, 1);
    backend.ensure(&workload).await.expect("ensure");
    let seen = wait_ready(&backend, &workload.key, 1).await;
    let first = pids(&file);
    assert!(all_run(&first));
    kill(process(&seen, 0));
    eventually(|| pids(&file).len() == 4).await;
    assert!(none_runs(&first));
    wait_ready(&backend, &workload.key, 1).await;
    let second = &pids(&file)[2..];
    assert!(all_run(second));
    backend.remove(&workload.key).await.expect("remove");
    assert!(none_runs(second));
}

#[tokio::test]
async fn daemons_of_scorers_that_are_gone_end_when_a_server_starts() {
    let scene = Scene::new();
    let first = scene.start().await;
    let (dead, dead_file) = with_daemons(&scene, 1);
    let (lost, lost_file) = with_daemons(&scene, 1);
    let (half, half_file) = with_daemons(&scene, 1);
    let (well, well_file) = with_daemons(&scene, 1);
    let mut leaders = Vec::new();
    for workload in [&dead, &lost, &half, &well] {
        first.ensure(workload).await.expect("ensure");
        leaders.push(process(&wait_ready(&first, &workload.key, 1).await, 0));
    }
    drop(first);
    // A scorer that dies while no server runs; one whose folder is gone too, as when
    // the server was killed at the end of a removal; an orphan that runs.
    kill_group(leaders[0]);
    kill_group(leaders[1]);
    for dead in &leaders[..2] {
        eventually(|| group(*dead).is_empty()).await;
    }
    fs::remove_dir_all(scene.folder(&lost.key)).expect("removed");
    fs::remove_file(scene.folder(&half.key).join("workload.json")).expect("removed");
    let old = pids(&dead_file);
    let left = [&old[..], &pids(&lost_file), &pids(&half_file)].concat();
    assert!(all_run(&left), "no group holds them");

    let second = scene.start().await;
    assert!(none_runs(&left));
    let seen = wait_ready(&second, &well.key, 1).await;
    assert_eq!(process(&seen, 0), leaders[3]);
    assert!(all_run(&pids(&well_file)), "their replica lives");
    // The one that died is started again, and what it starts is not taken for old.
    wait_ready(&second, &dead.key, 1).await;
    assert!(all_run(&pids(&dead_file)[2..]));
    for workload in [&dead, &well] {
        second.remove(&workload.key).await.expect("remove");
    }
    assert!(none_runs(&pids(&dead_file)));
    assert!(none_runs(&pids(&well_file)), "also of an adopted one");
}
