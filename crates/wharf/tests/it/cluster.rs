//! `wharf cluster`: through the API, good and hostile.

use std::fs;

use crate::server::Server;

/// A kubeconfig whose one user is `user`.
fn kubeconfig(user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
         contexts: [{{name: prod, context: {{cluster: one, user: me}}}}]\n\
         clusters: [{{name: one, cluster: {{server: 'https://k8s.example.com:6443'}}}}]\n\
         users: [{{name: me, user: {user}}}]\n"
    )
}

#[test]
fn a_cluster_is_imported_listed_and_shown() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let file = scratch.path().join("kubeconfig");
    fs::write(&file, kubeconfig("{token: s3cret-token}")).expect("written");
    let file = file.to_str().expect("text");
    let import = [
        "cluster",
        "import",
        "-n",
        "prod",
        "-g",
        "wharf",
        "--kubeconfig",
        file,
    ];
    let ended = server.run(&import);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(
        ended.err,
        "Imported context `prod` (https://k8s.example.com:6443) as `prod`\n"
    );
    let answer: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(answer["name"], "prod");
    assert!(!ended.out.contains("s3cret-token"));
    let listed = server.run(&["cluster", "list", "-o", "table"]);
    let names: Vec<&str> = listed
        .out
        .lines()
        .skip(2)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names, ["local", "prod"], "{}", listed.out);
    let shown = server.run(&["cluster", "show", "-n", "prod"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!(shown["id"], answer["id"]);
    let again = server.run(&import);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("is there already"), "{}", again.err);
    assert!(!server.log().contains("s3cret-token"));
}

#[test]
fn hostile_kubeconfigs_are_refused_with_their_reasons() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let file = scratch.path().join("kubeconfig");
    for (user, reason) in [
        (
            "{exec: {command: touch, args: [/tmp/owned]}}",
            "`users[me].user.exec`: would run a program",
        ),
        (
            "{client-certificate: /etc/shadow, client-key: /etc/shadow}",
            "`users[me].user.client-key`: names a file",
        ),
        (
            "{tokenFile: /etc/shadow}",
            "`users[me].user.tokenFile`: names a file",
        ),
        (
            "{auth-provider: {name: gcp}}",
            "`users[me].user.auth-provider`: would run a program",
        ),
        ("{}", "`users[me].user`: must have a `token`"),
    ] {
        fs::write(&file, kubeconfig(user)).expect("written");
        let file = file.to_str().expect("text");
        let ended = server.run(&["cluster", "import", "-n", "prod", "--kubeconfig", file]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{user}");
        assert!(ended.err.contains(reason), "{user}: {}", ended.err);
    }
    let listed = server.run(&["cluster", "list", "-o", "table"]);
    assert!(!listed.out.contains("prod"), "{}", listed.out);
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let scratch = tempfile::tempdir().expect("a folder");
    let server = Server::start(scratch.path());
    let absent = server.run(&["cluster", "show", "-n", "absent"]);
    assert_eq!(absent.code, Some(3), "{}", absent.err);
    assert!(absent.err.contains("`absent`"), "{}", absent.err);
    for words in [
        &["cluster", "show"][..],
        &["cluster", "show", "-n", "a/../b"],
        &["cluster", "list", "-g", "a/b"],
        &["cluster", "list", "--subscription", ""],
        &["no-such-command"],
    ] {
        let ended = server.run(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.err);
    }
}
