//! Ports that the system chose are kept.

use std::net::TcpListener;

use crate::{
    program::run,
    server::{Server, data},
};

#[test]
fn a_port_that_is_taken_is_replaced_with_a_warning() {
    let scratch = tempfile::tempdir().expect("a folder");
    let first = Server::start(scratch.path());
    let url = first.url.clone();
    assert!(first.stop().success());
    let port = url.rsplit_once(':').expect("a port").1;
    let taken = TcpListener::bind(format!("127.0.0.1:{port}")).expect("it is free");
    let second = Server::start(scratch.path());
    assert_ne!(second.url, url);
    assert!(
        second.log().contains("the port of the last start is taken"),
        "{}",
        second.log()
    );
    drop(taken);
}

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_an_error() {
    let scratch = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = data(scratch.path());
    let data = data.to_str().expect("text");
    let ended = run(
        scratch.path(),
        &["server", "--data-dir", data, "--listen", &address],
    );
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .err
            .contains(&format!("error: cannot listen on {address} (--listen)")),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("hint: another program listens there"),
        "{}",
        ended.err
    );
}

#[test]
fn settings_that_cannot_be_meant_are_refused_before_anything_is_made() {
    let scratch = tempfile::tempdir().expect("a folder");
    let data = data(scratch.path());
    for (words, told) in [
        (
            &["--public-host", "10.0.0.1"][..],
            "--public-host: `10.0.0.1` is an address",
        ),
        (
            &["--listen", "127.0.0.1:65535"],
            "--scoring-listen: there is no port after 65535",
        ),
        (&["--log", "wharf=loud"], "--log: `wharf=loud` is no filter"),
        (
            &["--listen", "8443"],
            "invalid value '8443' for '--listen <ADDR:PORT>'",
        ),
        (
            &["--vm-sizes", "/nowhere.json"],
            "--vm-sizes: /nowhere.json: No such file",
        ),
        (
            &["--kubernetes-versions", "/dev/null"],
            "--kubernetes-versions: /dev/null: `line 1 column 0`: EOF",
        ),
        (&["--largest-scoring-body", "101"], "101 is not in 1..=100"),
    ] {
        let mut all = vec!["server", "--data-dir", data.to_str().expect("text")];
        all.extend(words);
        let ended = run(scratch.path(), &all);
        assert_eq!(
            (ended.code, ended.out.as_str()),
            (Some(2), ""),
            "{words:?}: {}",
            ended.err
        );
        assert!(ended.err.contains(told), "{words:?}: {}", ended.err);
        assert!(!data.exists());
    }
}
