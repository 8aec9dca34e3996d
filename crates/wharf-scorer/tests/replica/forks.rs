//! Scripts that fork: every answer goes to whoever asked, and to nobody else.

use std::fs;

use http::Method;

use crate::harness::Replica;

/// Two processes leave `run` with the same answer; the second may come late, when
/// the next request is on its way.
const FORKS: &str = "
import json, os, sys, time
def init(): pass
def run(data):
    asked = json.loads(data)
    child = os.fork()
    if child == 0:
        print('child of', asked['who'])
        if asked['how'] == 'raises': raise ValueError('in the child of %d' % asked['who'])
        if asked['how'] == 'exits': sys.exit(7)
        if asked['how'] == 'is late': time.sleep(0.05)
    status = os.waitpid(child, 0)[1] if child and asked['how'] != 'is late' else 0
    return {'asked': asked, 'status': status >> 8, 'pid': os.getpid()}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_comes_back_from_run_answers_nobody() {
    let replica = Replica::ready(FORKS).await;
    let mut who = 0;
    let mut pid = None;
    for (how, status) in [("returns", 0), ("raises", 1), ("exits", 7), ("is late", 0)] {
        for _ in 0..5 {
            let asked = serde_json::json!({"who": who, "how": how});
            let reply = replica.score(&asked.to_string()).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            let answer: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
            assert_eq!(answer["asked"], asked);
            assert_eq!(answer["status"], status, "{how}");
            // It is no fault of the worker's, which goes on.
            assert_eq!(pid.get_or_insert(answer["pid"].clone()), &answer["pid"]);
            who += 1;
        }
    }
    let said = || {
        let log = replica.log();
        (0..who)
            .all(|who| log.contains(&format!("child of {who}")))
            .then_some(())
    };
    replica.until("word of every child", said).await;
    let log = replica.log();
    assert!(log.contains("ValueError: in the child of 5"), "{log}");
    assert!(!log.contains("another one is started"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_comes_back_from_a_stream_adds_nothing() {
    let replica = Replica::ready(
        "
import os
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse
def init(): pass
def pieces(how):
    yield 'one'
    child = os.fork()
    if child == 0 and how == 'raises': raise ValueError('in the child')
    if child: os.waitpid(child, 0)
    yield 'two'
@rawhttp
def run(request): return AMLResponse(pieces(request.args['how']), 200)
",
    )
    .await;
    for how in ["returns", "raises", "returns"] {
        let target = format!("/score?how={how}");
        let reply = replica.send(Method::GET, &target, &[], b"").await;
        assert_eq!(reply.text(), "onetwo", "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_comes_back_from_init_serves_nobody() {
    for place in ["init", "import"] {
        let replica = Replica::start_with(|folder, _| {
            let fork = "
    child = os.fork()
    if child: open('worker', 'w').write(str(os.getpid())); os.waitpid(child, 0)
";
            let (in_init, in_import) = match place {
                "init" => (fork, ""),
                _ => ("pass\n", fork),
            };
            let script = format!(
                "
import os
if True:
    pass
{in_import}
def init(): {in_init}
def run(data): return [int(data), os.getpid()]
"
            );
            fs::write(folder.join("app/score.py"), script).expect("written");
        });
        replica.wait_ready().await;
        let worker = fs::read_to_string(replica.folder.path().join("app/worker"));
        let worker = worker.expect("the worker's pid");
        for number in 0..10 {
            let reply = replica.score(&number.to_string()).await;
            assert_eq!(reply.text(), format!("[{number}, {worker}]"), "{place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn multiprocessing_works_in_run() {
    let replica = Replica::ready(
        "
import multiprocessing, os
def init(): pass
def square(number): return number * number, os.getpid()
def run(data):
    context = multiprocessing.get_context('fork')
    with context.Pool(2) as pool:
        results = pool.map(square, range(int(data)))
    assert all(pid != os.getpid() for _, pid in results)
    return [square for square, _ in results]
",
    )
    .await;
    for _ in 0..3 {
        let reply = replica.score("4").await;
        assert_eq!(reply.text(), "[0, 1, 4, 9]", "{}", replica.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_can_be_told_to_end_from_its_first_moment() {
    let replica = Replica::ready(
        "
import os, signal
def init(): pass
def run(data):
    numbers = [signal.SIGTERM, signal.SIGINT]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    child = os.fork()
    usual = [signal.getsignal(it) == signal.SIG_DFL for it in numbers]
    same = signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    if child == 0: os._exit(0 if all(usual) and same else 1)
    return [os.waitpid(child, 0)[1], any(usual), same]
",
    )
    .await;
    // The worker itself goes on to leave the end to the scorer.
    assert_eq!(replica.score("").await.text(), "[0, false, true]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_may_print_when_run_is_over() {
    let replica = Replica::ready(
        "
import os, threading
def init(): pass
def run(data):
    def later():
        while not os.path.exists('go'): pass
        print('late', data)
    threading.Thread(target=later).start()
    return [data, os.getpid()]
",
    )
    .await;
    let first = replica.score("a").await;
    let pid = first.text().trim_start_matches("[\"a\", ").to_owned();
    fs::write(replica.folder.path().join("app/go"), "").expect("written");
    let said = || replica.log().contains("late a").then_some(());
    replica.until("late print", said).await;
    let second = replica.score("b").await;
    assert_eq!(second.text(), format!("[\"b\", {pid}"));
}

/// A script that finds the socket and writes an answer by itself.
const FORGES: &str = r#"
import json, os, struct, threading
def init(): pass
def forge(number):
    header, body = b'{"status": 200}', b'forged'
    frame = struct.pack('>cIIQ', b'A', len(header), len(body), number) + header + body
    for fd in range(3, 20):
        try: name = os.readlink('/proc/self/fd/%d' % fd)
        except OSError: continue
        if name.startswith('socket:'): os.write(fd, frame)
def later():
    while not os.path.exists('go'): pass
    forge(0)
def run(data):
    if data == 'wrong number': forge(1 << 40)
    if data == 'unasked': threading.Thread(target=later).start()
    return os.getpid()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_asked_for_reaches_nobody() {
    let replica = Replica::ready(FORGES).await;
    let first = replica.score("").await;
    // Before the answer: it comes in the answer's place.
    let reply = replica.score("wrong number").await;
    assert_eq!(reply.status, 500);
    assert!(
        reply.text().contains("broke its protocol"),
        "{}",
        reply.text()
    );
    let second = replica.score("unasked").await;
    assert_eq!(second.status, 200);
    assert_ne!(second.text(), first.text(), "the worker is another one");
    // Between requests: the worker goes, though nobody asks it anything.
    fs::write(replica.folder.path().join("app/go"), "").expect("written");
    let said = || {
        let log = replica.log();
        log.contains("it spoke without being asked").then_some(())
    };
    replica.until("notice", said).await;
    let third = replica.score("").await;
    assert_eq!(third.status, 200);
    assert_ne!(third.text(), second.text(), "the worker is another one");
}
