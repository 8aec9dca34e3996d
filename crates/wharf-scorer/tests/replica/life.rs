//! The life of a replica: start, crash, hang, drain.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::harness::Replica;

const SCRIPT: &str = "
import os, signal, time
def init(): pass
def run(data): return eval(data)
";

#[tokio::test(flavor = "multi_thread")]
async fn health_says_starting_until_init_is_done() {
    let replica = Replica::start(
        "
import os, time
def init():
    while not os.path.exists('go'): time.sleep(0.01)
def run(data): return 1
",
    );
    replica.until("a state", || replica.state()).await;
    let reply = replica.get("/").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (503, "Starting"));
    assert_eq!(replica.score("").await.status, 503);
    fs::write(replica.folder.path().join("app/go"), "").expect("written");
    replica.wait_ready().await;
    let reply = replica.get("/").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "Healthy"));
    assert_eq!(
        reply.header("content-type"),
        Some("text/html; charset=utf-8")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_is_replaced() {
    let replica = Replica::ready(SCRIPT).await;
    let first = replica.score("os.getpid()").await;
    for death in ["os._exit(0)", "os.kill(os.getpid(), 9)", "os.abort()"] {
        let reply = replica.score(death).await;
        assert_eq!(reply.status, 500, "{death}: {}", reply.text());
        assert_eq!(reply.header("x-ms-run-function-failed"), Some("True"));
        assert!(reply.text().contains("ended while it ran the request"));
        let reply = replica.score("os.getpid()").await;
        assert_eq!(reply.status, 200, "{death}: {}", reply.text());
        assert_ne!(reply.text(), first.text());
    }
    assert_eq!(replica.state().expect("a state")["phase"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_requests_is_replaced() {
    let replica = Replica::ready(SCRIPT).await;
    let script = "__import__('threading').Timer(0.05, os._exit, [0]).start()";
    assert_eq!(replica.score(script).await.status, 200);
    replica
        .until("notice", || {
            replica
                .log()
                .contains("ended between requests")
                .then_some(())
        })
        .await;
    assert_eq!(replica.score("1").await.text(), "1");
}

/// A replica whose `run` may take 300 ms.
fn impatient(workers: u32) -> Replica {
    Replica::start_with(|folder, config| {
        config["scoring_timeout_ms"] = 300.into();
        config["workers"] = workers.into();
        fs::write(folder.join("app/score.py"), SCRIPT).expect("written");
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alarm_ends_a_slow_run_and_keeps_the_worker() {
    let replica = impatient(1);
    replica.wait_ready().await;
    let pid = replica.score("os.getpid()").await;
    let reply = replica.score("time.sleep(60)").await;
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.text(),
        r#"{"message": "Scoring timeout after 300 ms"}"#
    );
    assert_eq!(reply.header("x-wharf-scoring-timeout"), Some("true"));
    assert_eq!(reply.header("x-ms-run-function-failed"), Some("True"));
    assert_eq!(replica.score("os.getpid()").await.text(), pid.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_swallows_the_alarm_goes_on() {
    let replica = Replica::start_with(|folder, config| {
        config["scoring_timeout_ms"] = 300.into();
        let script = "
import time
def init(): pass
def run(data):
    try: time.sleep(60)
    except Exception as error: return str(error)
";
        fs::write(folder.join("app/score.py"), script).expect("written");
    });
    replica.wait_ready().await;
    let reply = replica.score("").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.text(), r#""Scoring timeout after 300 ms""#);
    assert_eq!(reply.header("x-ms-run-function-failed"), Some("False"));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_does_not_wait_for_a_busy_script() {
    let replica = Replica::ready(
        "
import os, time
def init(): pass
def run(data):
    open('busy', 'w').close()
    while not os.path.exists('go'): time.sleep(0.005)
    return 1
",
    )
    .await;
    let app = replica.folder.path().join("app");
    let request = replica.begin("").await;
    let busy = app.join("busy");
    let ask = || busy.exists().then_some(());
    replica.until("busy worker", ask).await;
    assert_eq!(replica.get("/").await.status, 200);
    fs::write(app.join("go"), "").expect("written");
    let status = request.await.expect("no panic").expect("an answer");
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_blocks_the_alarm_is_killed() {
    let replica = impatient(1);
    replica.wait_ready().await;
    let block = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]) or time.sleep(60)";
    let reply = replica.score(block).await;
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.text(),
        r#"{"message":"Scoring timeout after 300 ms"}"#
    );
    assert_eq!(reply.header("x-wharf-scoring-timeout"), Some("true"));
    assert_eq!(replica.score("1").await.text(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_run_at_once() {
    let replica = Replica::start_with(|folder, config| {
        config["workers"] = 2.into();
        // Each waits for the other's file: one worker alone would time out.
        let script = "
import os, time
def init(): pass
def run(data):
    mine, other = data.split()
    open(mine, 'w').close()
    while not os.path.exists(other): time.sleep(0.005)
    return os.getpid()
";
        fs::write(folder.join("app/score.py"), script).expect("written");
    });
    replica.wait_ready().await;
    let (a, b) = tokio::join!(replica.score("a b"), replica.score("b a"));
    assert_eq!((a.status.as_u16(), b.status.as_u16()), (200, 200));
    assert_ne!(a.text(), b.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_finishes_what_runs_and_leaves_nothing() {
    let replica = Replica::ready(
        "
import os, time
def init(): pass
def run(data):
    open('running', 'w').close()
    while not os.path.exists('go'): time.sleep(0.005)
    return os.getpid()
",
    )
    .await;
    let app = replica.folder.path().join("app");
    let running = app.join("running");
    let target = replica.folder.path().join("s.sock");
    let request = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::UnixStream::connect(target)
            .await
            .expect("connect");
        let text = b"POST /score HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(text).await.expect("sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.expect("answered");
        reply
    });
    replica
        .until("running request", || running.exists().then_some(()))
        .await;
    let socket = replica.folder.path().join("s.sock");
    let stop = tokio::spawn(replica.stop());
    while socket.exists() {
        tokio::task::yield_now().await;
    }
    fs::write(app.join("go"), "").expect("written");
    let reply = request.await.expect("no panic");
    assert!(reply.starts_with("HTTP/1.1 200 OK"), "{reply}");
    let (result, folder) = stop.await.expect("no panic");
    result.expect("a clean end");
    let pid = reply.rsplit("\r\n").next().expect("a body");
    let process = std::path::PathBuf::from(format!("/proc/{pid}/cmdline"));
    let started = Instant::now();
    // A killed process is there until it is collected, but without a command.
    while fs::read(&process).is_ok_and(|line| !line.is_empty()) {
        assert!(started.elapsed() < Duration::from_secs(10), "{pid} lives");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!folder.path().join("state.run").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_as_long_as_it_was_told_to_and_no_longer() {
    // The first may run to its scoring timeout and the supervisor's grace; the
    // second would run for ever.
    for (drain_ms, script, is_answered) in [
        (
            60_000,
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])",
            true,
        ),
        (100, "None", false),
    ] {
        let replica = Replica::start_with(|folder, config| {
            config["drain_ms"] = drain_ms.into();
            config["scoring_timeout_ms"] = if is_answered { 300 } else { 0 }.into();
            let script = format!(
                "
import signal, time
def init(): pass
def run(data):
    {script}
    open('running', 'w').close()
    time.sleep(600)
"
            );
            fs::write(folder.join("app/score.py"), script).expect("written");
        });
        replica.wait_ready().await;
        let running = replica.folder.path().join("app/running");
        let request = replica.begin("1").await;
        replica
            .until("running request", || running.exists().then_some(()))
            .await;
        let (result, _folder) = replica.stop().await;
        result.expect("a clean end");
        let status = request.await.expect("no panic").ok();
        if is_answered {
            assert_eq!(status, Some(http::StatusCode::INTERNAL_SERVER_ERROR));
        } else {
            // Connections of a scorer in this process outlive it.
            let cut = [None, Some(http::StatusCode::SERVICE_UNAVAILABLE)];
            assert!(cut.contains(&status), "{status:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_space_is_limited() {
    let replica = Replica::start_with(|folder, config| {
        config["address_space_bytes"] = (1u64 << 30).into();
        let script = "def init(): pass\ndef run(data): return len(bytearray(int(data)))";
        fs::write(folder.join("app/score.py"), script).expect("written");
    });
    replica.wait_ready().await;
    assert_eq!(replica.score("1000000").await.text(), "1000000");
    assert_eq!(replica.score("2000000000").await.status, 500);
    let said = || replica.log().contains("MemoryError").then_some(());
    replica.until("MemoryError", said).await;
    assert_eq!(replica.score("1").await.text(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_frames_end_the_worker_only() {
    let replica = Replica::ready(SCRIPT).await;
    let reply = replica
        .score(
            "[os.write(fd, b'A' + b'\\xff' * 8) for fd in range(3, 10) \
             if os.path.islink('/proc/self/fd/%d' % fd) \
             and 'socket' in os.readlink('/proc/self/fd/%d' % fd)]",
        )
        .await;
    assert_eq!(reply.status, 500);
    assert!(
        reply.text().contains("broke its protocol"),
        "{}",
        reply.text()
    );
    assert_eq!(replica.score("1").await.text(), "1");
}
