//! A restart changes nothing that clients hold.

use std::fs;

use crate::server::{Server, data, kept_files};

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
fn another_host_gets_another_certificate_of_the_same_ca() {
    let scratch = tempfile::tempdir().expect("a folder");
    let read = |name: &str| fs::read(data(scratch.path()).join(name)).expect("a file");
    let first = Server::start(scratch.path());
    let (ca, leaf) = (read("tls/ca.pem"), read("tls/server.json"));
    assert!(first.stop().success());
    // It is ready only after it answered under that name.
    let second = Server::start_with(scratch.path(), &["--public-host", "ml.example.com"]);
    assert!(
        second.url.starts_with("https://ml.example.com:"),
        "{}",
        second.url
    );
    assert!(read("tls/ca.pem") == ca, "the CA never changes");
    assert!(read("tls/server.json") != leaf);
    let env = String::from_utf8(read("env.sh")).expect("text");
    assert!(
        env.contains(&format!("'{}/msi/token'", second.url)),
        "{env}"
    );
}

#[test]
fn a_key_that_vanished_is_not_made_anew_in_silence() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let key = server.data().join("keys/seal.key");
    assert!(server.stop().success());
    fs::remove_file(&key).expect("removed");
    let data = data(scratch.path());
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

#[test]
fn a_database_that_vanished_is_not_made_anew_in_silence() {
    let scratch = tempfile::tempdir().expect("a folder");
    assert!(Server::start(scratch.path()).stop().success());
    let data = data(scratch.path());
    let file = data.join("wharf.db");
    let words = ["server", "--data-dir", data.to_str().expect("text")];
    for (what, spoil) in [
        (
            "it is empty",
            &(|| fs::write(&file, "")) as &dyn Fn() -> std::io::Result<()>,
        ),
        ("it is gone", &|| fs::remove_file(&file)),
    ] {
        spoil().expect("spoiled");
        let ended = crate::program::run(scratch.path(), &words);
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        for part in ["wharf.db cannot be used", what, "restore the file"] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
    }
    assert!(!file.exists(), "nothing was written");
}
