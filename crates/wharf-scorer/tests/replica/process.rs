//! A scorer as a process: signals, and what its death leaves.

use std::{fs, path::Path, process::Command};

use crate::harness::{CONFIG, Replica, Scorer};

const SCRIPT: &str = "
import os, signal, time
def init(): pass
def run(data): return eval(data)
";

fn start(workers: u32) -> (Replica, Scorer) {
    Replica::start_process(|folder, config| {
        config["workers"] = workers.into();
        fs::write(folder.join("app/score.py"), SCRIPT).expect("written");
    })
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

/// A process that ended is there until it is collected, but without a command.
fn lives(pid: &str) -> bool {
    fs::read(Path::new("/proc").join(pid).join("cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
#[ignore = "a scorer for the tests below, which run it as a process"]
fn a_scorer_of_its_own() {
    let path = std::env::var_os(CONFIG).expect("run by another test");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let result = runtime.block_on(wharf_scorer::run(Path::new(&path)));
    result.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_dies_with_a_scorer_that_is_killed() {
    let (replica, mut scorer) = start(2);
    replica.wait_ready().await;
    // One worker waits for requests; the other is busy and deaf to signals.
    let app = replica.folder.path().join("app");
    let busy = "(open('busy', 'w').write(str(os.getpid())), \
                 signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)), \
                 any(iter(lambda: False, True)))";
    let request = async {
        let stream = replica.try_score(busy).await;
        assert!(stream.is_err(), "no answer was to come");
    };
    let rest = async {
        let busy = replica
            .until("busy worker", || {
                fs::read_to_string(app.join("busy"))
                    .ok()
                    .filter(|pid| !pid.is_empty())
            })
            .await;
        let idle = replica.score("os.getpid()").await;
        let idle = idle.text().to_owned();
        assert_ne!(busy, idle);
        signal(scorer.0.id(), "-KILL");
        scorer.0.wait().expect("collected");
        for pid in [busy, idle] {
            replica
                .until("end of Python", || (!lives(&pid)).then_some(()))
                .await;
        }
    };
    tokio::join!(request, rest);
}

/// Whoever started the scorer kills its group, and so must find there what a script
/// started, also after the scorer was killed and its workers are gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_starts_stays_in_the_group_of_the_scorer() {
    let (replica, mut scorer) = start(1);
    replica.wait_ready().await;
    let child = "__import__('subprocess').Popen(['sleep', '600']).pid";
    let reply = replica.score(child).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let child = reply.text().to_owned();
    let worker = replica.score("os.getpid()").await.text().to_owned();
    let group_of = |pid: &str| {
        let text =
            fs::read_to_string(Path::new("/proc").join(pid).join("stat")).expect("a process");
        let fields = text.rsplit(')').next().expect("fields").to_owned();
        let group = fields.split_ascii_whitespace().nth(2).expect("a group");
        group.to_owned()
    };
    let group = group_of(&scorer.0.id().to_string());
    assert_eq!(group_of(&worker), group);
    assert_eq!(group_of(&child), group);
    signal(scorer.0.id(), "-KILL");
    scorer.0.wait().expect("collected");
    replica
        .until("end of Python", || (!lives(&worker)).then_some(()))
        .await;
    assert_eq!(group_of(&child), group, "it lives on, and can be found");
    signal(child.parse().expect("a pid"), "-KILL");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_script_starts_carries_the_mark_of_its_replica() {
    let (replica, _scorer) = Replica::start_process(|folder, config| {
        config["environment_variables"] = serde_json::json!({"WHARF_REPLICA_MARK": "a lie"});
        let script = "
import os, subprocess
def init():
    global daemon
    daemon = subprocess.Popen(['sleep', '600'], start_new_session=True)
def run(data):
    pids = [os.getpid(), daemon.pid]
    found = [open('/proc/%d/environ' % pid).read().split(chr(0)) for pid in pids]
    daemon.kill()
    return [[it for it in all if it.startswith('WHARF')] for all in found]
";
        fs::write(folder.join("app/score.py"), script).expect("written");
    });
    replica.wait_ready().await;
    let mark = r#"["WHARF_REPLICA_MARK=the replica's"]"#;
    let reply = replica.score("").await;
    assert_eq!(reply.text(), format!("[{mark}, {mark}]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_runs_and_ends_well() {
    let (replica, mut scorer) = start(1);
    replica.wait_ready().await;
    let socket = replica.folder.path().join("s.sock");
    let pid = scorer.0.id();
    let wait = format!(
        "[os.kill({pid}, signal.SIGTERM), \
          [time.sleep(0.005) for _ in iter(lambda: os.path.exists({socket:?}), False)], \
          os.getpid()][2]"
    );
    let reply = replica.score(&wait).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(scorer.0.wait().expect("collected").success());
    assert!(!lives(reply.text()), "Python is left");
    assert!(replica.log().contains("stopped"), "{}", replica.log());
}
