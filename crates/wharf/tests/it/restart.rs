//! A restart changes nothing that clients hold.

use crate::server::{Server, kept_files};

#[test]
fn a_restart_changes_none_of_what_was_kept() {
    let scratch = tempfile::tempdir().expect("a folder");
    let first = Server::start(scratch.path());
    let kept = kept_files(scratch.path());
    assert!(kept.len() >= 12, "{}", kept.len());
    let url = first.url.clone();
    assert!(first.stop().success());
    let second = Server::start(scratch.path());
    assert_eq!(second.url, url);
    assert!(kept_files(scratch.path()) == kept, "after a stop");
    second.kill();
    let third = Server::start(scratch.path());
    assert!(kept_files(scratch.path()) == kept, "after a kill");
    // The kept secret still signs in.
    let shown = third.run(&["cluster", "show", "--name", "local"]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
}

#[test]
fn a_key_that_vanished_is_not_made_anew_in_silence() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let key = server.data().join("keys/seal.key");
    assert!(server.stop().success());
    std::fs::remove_file(&key).expect("removed");
    let data = crate::server::data(scratch.path());
    let data = data.to_str().expect("text");
    let ended = crate::program::run(scratch.path(), &["server", "--data-dir", data]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .err
            .contains("keys/seal.key cannot be used: it is missing"),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("hint: restore the file"),
        "{}",
        ended.err
    );
    assert!(!key.exists());
}
