//! What a first start makes, and that one which was killed half way is completed.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::server::{Server, data, kept_files, spawn};

fn mode(path: &Path) -> u32 {
    let found = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    found.permissions().mode() & 0o777
}

#[test]
fn secrets_are_for_their_owner_alone() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let data = server.data();
    for folder in ["", "keys", "tls", "azure"] {
        assert_eq!(mode(&data.join(folder)), 0o700, "{folder}");
    }
    for secret in [
        "admin.json",
        "env.sh",
        "config.json",
        "keys/token.key",
        "keys/sas.key",
        "keys/seal.key",
        "keys/administrator.secret",
        "tls/ca.key",
        "tls/server.json",
    ] {
        assert_eq!(mode(&data.join(secret)), 0o600, "{secret}");
    }
    let said = format!("{}{}", server.said, server.log());
    let secret = fs::read_to_string(data.join("keys/administrator.secret")).expect("text");
    assert!(
        !said.contains(secret.trim()),
        "no secret is printed or logged"
    );
}

#[test]
fn admin_json_has_the_members_that_tools_read() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let text = fs::read_to_string(server.data().join("admin.json")).expect("text");
    let admin: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).expect("JSON");
    let names: Vec<&str> = admin.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "tenantId",
            "subscriptionId",
            "resourceGroup",
            "workspaceName",
            "clientId",
            "clientSecret",
            "serverUrl",
            "caFile"
        ]
    );
    assert_eq!(admin["serverUrl"], *server.url);
    let ca = admin["caFile"].as_str().expect("text");
    let ca = fs::read_to_string(ca).expect("a certificate");
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"), "{ca}");
    let bundle = fs::read_to_string(server.data().join("ca-bundle.pem")).expect("a bundle");
    assert!(bundle.starts_with(&ca), "our CA is in the bundle");
}

/// Killed at each of these moments, seen from outside: when the file is there.
#[test]
fn a_first_start_that_was_killed_is_completed_by_the_next() {
    for moment in [
        "server.lock",
        "keys/token.key",
        "keys/seal.key",
        "tls/ca.key",
        "tls/ca.pem",
        "tls/server.json",
        "ports.json",
        "wharf.db",
        "sockets",
    ] {
        let scratch = tempfile::tempdir().expect("a folder");
        let mut child = spawn(scratch.path(), &[]);
        let file = data(scratch.path()).join(moment);
        while !file.exists() {
            assert!(
                child.try_wait().expect("a child").is_none(),
                "it ended by itself"
            );
            std::thread::yield_now();
        }
        child.kill().expect("killed");
        child.wait().expect("it ends");
        let made = kept_files(scratch.path());
        let server = Server::start(scratch.path());
        for (path, bytes) in made {
            let now = fs::read(&path).expect("it is there");
            assert!(
                now == bytes,
                "killed at {moment}: {} changed",
                path.display()
            );
        }
        assert!(server.stop().success(), "killed at {moment}");
    }
}
