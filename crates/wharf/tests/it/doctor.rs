//! `wharf doctor`: good and bad.

use std::{fs, net::ToSocketAddrs as _, os::unix::fs::PermissionsExt as _};

use crate::{program::run, server::Server};

#[test]
fn a_server_that_runs_is_found_good() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let ended = server.run(&["doctor"]);
    for line in [
        format!("ok    server: {} answers, and is trusted\n", server.url),
        format!(
            "ok    data directory: in use by the server with process id {}\n",
            server.pid()
        ),
        "ok    sign-in: the secret is good\n".to_owned(),
        "ok    clock: this machine and the server agree\n".to_owned(),
    ] {
        assert!(ended.out.contains(&line), "{line}{}", ended.out);
    }
    // Whether the name for uploads resolves is up to the machine.
    let name = "wharf.blob.localhost";
    if (name, 0).to_socket_addrs().is_ok() {
        assert!(
            ended.out.contains(&format!("ok    name: `{name}` is")),
            "{}",
            ended.out
        );
        assert_eq!(ended.code, Some(0), "{}", ended.out);
    } else {
        let advice = format!("echo '127.0.0.1 {name}' | sudo tee -a /etc/hosts\n");
        assert!(ended.out.contains(&advice), "{}", ended.out);
        assert!(server.said.contains(&advice), "{}", server.said);
        assert_eq!(ended.code, Some(1), "{}", ended.out);
    }
}

#[test]
fn what_is_wrong_has_its_remedy_below_it() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let data = server.data();
    assert!(server.stop().success());
    let root = data.to_str().expect("text");
    fs::set_permissions(data.join("env.sh"), fs::Permissions::from_mode(0o644)).expect("opened");
    let ended = run(scratch.path(), &["doctor", "--data-dir", root]);
    assert_eq!(ended.code, Some(1));
    for text in [
        format!(
            "FAIL  data directory: others can read {root}/env.sh\n      chmod -R go= '{root}'\n"
        ),
        // Its file with a process id is still there.
        "note  data directory: no server uses it now\n      wharf server\n".to_owned(),
        "FAIL  server: nothing answers at localhost:".to_owned(),
    ] {
        assert!(ended.out.contains(&text), "{text}{}", ended.out);
    }
}

#[test]
fn another_server_at_the_address_is_told_from_ours() {
    let scratch = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (scratch.path().join("ours"), scratch.path().join("theirs"));
    fs::create_dir(&ours).expect("a folder");
    fs::create_dir(&theirs).expect("a folder");
    let first = Server::start(&ours);
    let port = first.url.rsplit_once(':').expect("a port").1.to_owned();
    let data = first.data();
    assert!(first.stop().success());
    let address = format!("127.0.0.1:{port}");
    let words = ["--listen", &address, "--scoring-listen", "127.0.0.1:0"];
    let _other = Server::start_with(&theirs, &words);
    let ended = run(
        &ours,
        &["doctor", "--data-dir", data.to_str().expect("text")],
    );
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("FAIL  trust: "), "{}", ended.out);
    assert!(
        ended
            .out
            .contains("the server is not the one whose CA is trusted here")
    );
}

#[test]
fn without_a_server_it_says_how_to_start_one() {
    let scratch = tempfile::tempdir().expect("a folder");
    let ended = run(scratch.path(), &["doctor"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .out
            .starts_with("FAIL  server: no server was ever ready in "),
        "{}",
        ended.out
    );
    assert!(
        ended.out.contains("start one with `wharf server`"),
        "{}",
        ended.out
    );
}
