//! Builds that are stopped, and what is there afterwards.

use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use wharf_cluster::UvEnvironments;
use wharf_core::environment::EnvironmentSpec;

use crate::scene::{self, Scene, build, eventually, is_running, python, spec};

/// Names the folder for [`a_server_that_gets_killed`].
const ROOT: &str = "WHARF_TEST_ENVIRONMENT_ROOT";

fn sample() -> EnvironmentSpec {
    spec(&[], &["six==1.16.0"])
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_stopped_with_all_its_processes() {
    let scene = Scene::new();
    let mut settings = scene.settings("pip compile");
    settings.limits.resolve = Duration::from_secs(5);
    let environments = UvEnvironments::new(settings).expect("opens");
    let (built, _) = build(&environments, &sample()).await;
    let why = built.expect_err("stopped").to_string();
    assert!(
        why.starts_with("resolve: took longer than 5 seconds"),
        "{why}"
    );
    for pid in scene.blocked() {
        eventually("the group ends", || !is_running(pid));
    }
    assert_eq!(scene.work(), 0);
}

#[tokio::test]
async fn a_build_that_nobody_waits_for_is_stopped_with_all_its_processes() {
    let scene = Scene::new();
    let environments = UvEnvironments::new(scene.settings("pip sync")).expect("opens");
    let environments = Arc::new(environments);
    let task = tokio::spawn({
        let environments = Arc::clone(&environments);
        async move { build(&environments, &sample()).await.0 }
    });
    let scene = Arc::new(scene);
    let waiting = Arc::clone(&scene);
    let pids = tokio::task::spawn_blocking(move || waiting.blocked()).await;
    let pids = pids.expect("blocked");
    task.abort();
    assert!(task.await.expect_err("aborted").is_cancelled());
    for pid in pids {
        eventually("the group ends", || !is_running(pid));
    }
    assert_eq!(scene.environments(), 0);
    // The next one is not in the way of the last.
    let (built, _) = build(&scene.start(), &sample()).await;
    built.expect("built");
}

/// Not a test of its own: the process that [`a_killed_server_leaves_nothing_half_made`]
/// kills.
#[tokio::test]
#[ignore = "started by another test, which kills it"]
async fn a_server_that_gets_killed() {
    let root = std::env::var_os(ROOT).expect("started by the other test");
    let root = std::path::PathBuf::from(root);
    let mut settings = scene::settings(&root.join("environments"));
    settings.uv = Some(root.join("uv"));
    let environments = UvEnvironments::new(settings).expect("opens");
    let _ = build(&environments, &sample()).await;
}

fn killed_at(call: &'static str) -> Scene {
    let scene = Scene::new();
    drop(scene.settings(call));
    let mut server = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--ignored",
            "--exact",
            "survival::a_server_that_gets_killed",
        ])
        .env(ROOT, scene.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let pids = scene.blocked();
    server.kill().expect("killed");
    server.wait().expect("ended");
    assert!(pids.iter().all(|pid| is_running(*pid)), "they outlive it");
    assert_eq!(scene.work(), 1);

    let environments = scene.start();
    assert!(!pids.iter().any(|pid| is_running(*pid)), "{call}");
    assert_eq!(scene.work(), 0, "{call}");
    drop(environments);
    scene
}

#[tokio::test]
async fn a_killed_server_leaves_nothing_half_made() {
    let whole = Scene::new();
    let (expected, _) = build(&whole.start(), &sample()).await;
    let expected = expected.expect("built");
    for call in ["pip compile", "venv --relocatable", "pip sync"] {
        let scene = tokio::task::spawn_blocking(move || killed_at(call)).await;
        let scene = scene.expect("killed");
        assert_eq!(scene.environments(), 0, "{call}");
        let (built, _) = build(&scene.start(), &sample()).await;
        let built = built.expect("built");
        assert_eq!(built.digest, expected.digest, "{call}");
        assert_eq!(
            python(&built, "import six; print(six.__version__)"),
            "1.16.0"
        );
    }
}

#[tokio::test]
async fn an_environment_whose_interpreter_is_gone_is_made_again() {
    let scene = Scene::new();
    let environments = scene.start();
    let (first, _) = build(&environments, &sample()).await;
    let first = first.expect("built");
    std::fs::remove_file(&first.python).expect("removed");
    let (again, _) = build(&environments, &sample()).await;
    assert_eq!(again.expect("built"), first);
    assert_eq!(python(&first, "import six; print(1)"), "1");
    assert_eq!(scene.work(), 0);
}
