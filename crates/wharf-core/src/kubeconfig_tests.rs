//! Kubeconfigs, good and hostile.

use super::*;

fn text(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: aks\n\
         contexts:\n- name: aks\n  context: {{cluster: one, user: me}}\n\
         - name: other\n  context: {{cluster: gone, user: me}}\n\
         clusters:\n- name: one\n  cluster: {cluster}\n\
         users:\n- name: me\n  user: {user}\n\
         - name: unused\n  user: {{exec: {{command: rm}}}}\n"
    )
}

fn pem(what: &str) -> String {
    STANDARD.encode(format!(
        "-----BEGIN {what}-----\nAAAA\n-----END {what}-----\n"
    ))
}

fn faults(text: &str) -> Vec<String> {
    let findings = Kubeconfig::parse(text, None).expect_err("refused");
    findings.into_iter().map(|it| it.to_string()).collect()
}

const SERVER: &str = "{server: 'https://k8s.example.com:6443'}";

#[test]
fn what_is_kept_is_what_was_understood() {
    let ca = pem("CERTIFICATE");
    let cluster = format!("{{server: 'https://10.0.0.1:443', certificate-authority-data: {ca}}}");
    let (certificate, key) = (pem("CERTIFICATE"), pem("RSA PRIVATE KEY"));
    let user = format!("{{client-certificate-data: {certificate}, client-key-data: {key}}}");
    for user in [user.as_str(), "{token: abc, extensions: [{name: x}]}"] {
        let read = Kubeconfig::parse(&text(&cluster, user), None).expect(user);
        assert_eq!(read.server, "https://10.0.0.1:443");
        let again = Kubeconfig::parse(read.to_text().reveal(), None).expect("read again");
        assert_eq!(again, read);
        assert!(!read.to_text().reveal().contains("exec"));
    }
}

#[test]
fn what_runs_programs_or_reads_files_is_refused_with_its_reason() {
    for (user, member, why) in [
        ("{exec: {command: aws}, token: a}", "exec", "run a program"),
        (
            "{auth-provider: {name: gcp}}",
            "auth-provider",
            "run a program",
        ),
        ("{tokenFile: /etc/shadow}", "tokenFile", "names a file"),
        ("{client-key: /etc/shadow}", "client-key", "names a file"),
        ("{token: a, as: root}", "as", "somebody else"),
        ("{username: a, password: b}", "username", "since 1.19"),
        ("{token: a, new-thing: {}}", "new-thing", "not known here"),
    ] {
        let faults = faults(&text(SERVER, user)).join("\n");
        assert!(
            faults.contains(&format!("users[me].user.{member}`")),
            "{faults}"
        );
        assert!(faults.contains(why), "{faults}");
    }
    for (cluster, member) in [
        ("{server: 'https://a', proxy-url: 'http://b'}", "proxy-url"),
        (
            "{server: 'https://a', certificate-authority: /a}",
            "certificate-authority",
        ),
        (
            "{server: 'https://a', insecure-skip-tls-verify: true}",
            "insecure-skip-tls-verify",
        ),
        ("{server: 'http://a'}", "server"),
        ("{server: 'https://u:p@a'}", "server"),
        ("{server: 'https:///a'}", "server"),
        ("{server: 7}", "server"),
        ("{}", "server"),
        (
            "{server: 'https://a', certificate-authority-data: '!'}",
            "certificate-authority-data",
        ),
    ] {
        let faults = faults(&text(cluster, "{token: a}")).join("\n");
        assert!(
            faults.contains(&format!("clusters[one].cluster.{member}`")),
            "{faults}"
        );
    }
}

#[test]
fn all_faults_are_told_at_once_and_no_secret_is() {
    let broken = "token: s3cret\n  - ]";
    assert!(!faults(broken).join(" ").contains("s3cret"));
    let faults = faults(&text(
        "{server: 'http://a'}",
        "{exec: {}, token: \"s3cret\\n\"}",
    ));
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(!faults.join(" ").contains("s3cret"), "{faults:?}");
}

#[test]
fn documents_that_are_none_are_refused() {
    for bad in ["", "a", "[]", "kind: Pod", "a: *b", "\0"] {
        assert_eq!(faults(bad).len(), 1, "{bad:?}");
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &('b'..='j')
            .map(|c| {
                let before = char::from(c as u8 - 1);
                format!("{c}: &{c} [{}]\n", vec![format!("*{before}"); 10].join(","))
            })
            .collect::<String>();
    assert_eq!(faults(&bomb).len(), 1);
    assert!(faults(&"x".repeat(LARGEST + 1))[0].contains("more than"));
}

#[test]
fn a_context_is_named_or_the_current_one() {
    let text = text(SERVER, "{token: a}");
    assert_eq!(Kubeconfig::parse(&text, None).expect("aks").context, "aks");
    let gone = Kubeconfig::parse(&text, Some("other")).expect_err("refused");
    assert_eq!(gone[0].field, "contexts[other].context.cluster");
    let absent = Kubeconfig::parse(&text, Some("none")).expect_err("refused");
    assert!(absent[0].message.contains("there are: `aks`, `other`"));
    let unset = text.replace("current-context: aks\n", "");
    let unset = Kubeconfig::parse(&unset, None).expect_err("refused");
    assert_eq!(unset[0].field, "current-context");
}
