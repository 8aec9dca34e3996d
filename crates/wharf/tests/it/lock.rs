//! One server at a time on a data directory.

use std::fs;

use crate::{
    program::run,
    server::{Server, data},
};

#[test]
fn a_second_server_is_refused_with_the_pid_of_the_first() {
    let scratch = tempfile::tempdir().expect("a folder");
    let first = Server::start(scratch.path());
    let data = first.data();
    let words = [
        "server",
        "--data-dir",
        data.to_str().expect("text"),
        "--listen",
        "127.0.0.1:0",
    ];
    let second = run(scratch.path(), &words);
    assert_eq!(second.code, Some(1));
    let told = format!(
        "is used by another server with process id {}\n",
        first.pid()
    );
    assert!(second.err.contains(&told), "{}", second.err);
    assert!(
        second
            .err
            .contains(&format!("hint: stop it with `kill {}`", first.pid()))
    );
    assert_eq!(second.out, "");
    // The first one is not disturbed.
    let shown = first.run(&["cluster", "list"]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
}

#[test]
fn the_file_that_a_killed_server_leaves_is_no_lock() {
    let scratch = tempfile::tempdir().expect("a folder");
    let first = Server::start(scratch.path());
    let pid = first.pid();
    first.kill();
    let file = data(scratch.path()).join("server.lock");
    let left = fs::read_to_string(&file).expect("it is left");
    assert_eq!(left.trim(), pid.to_string());
    let second = Server::start(scratch.path());
    let now = fs::read_to_string(&file).expect("it is there");
    assert_eq!(now.trim(), second.pid().to_string());
}
