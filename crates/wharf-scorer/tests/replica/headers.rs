//! Headers of answers: ids, versions, cross-origin.

use std::fs;

use http::Method;

use crate::harness::Replica;

const SCRIPT: &str = "
def init(): pass
def run(data, request_headers): return request_headers
";

#[tokio::test(flavor = "multi_thread")]
async fn ids_come_back_as_azure_gives_them() {
    let replica = Replica::ready(SCRIPT).await;
    let [x, old, cli] = ["x-request-id", "x-ms-request-id", "x-ms-client-request-id"];
    type Row<'a> = (&'a [(&'a str, &'a str)], [Option<&'a str>; 3]);
    // `*` is a new id.
    let rows: [Row<'_>; 6] = [
        (&[], [Some("*"), Some("*"), None]),
        (&[(x, "abc")], [Some("abc"), Some("abc"), None]),
        (&[(old, "o")], [Some("*"), Some("o"), Some("o")]),
        (&[(cli, "c")], [Some("*"), Some("c"), Some("c")]),
        (
            &[(x, "abc"), (old, "o"), (cli, "c")],
            [Some("abc"), Some("o"), Some("c")],
        ),
        (&[(x, "")], [None, None, None]),
    ];
    for (sent, expected) in rows {
        let reply = replica.send(Method::POST, "/score", sent, b"").await;
        let got = [x, old, cli].map(|name| reply.header(name));
        for (got, expected) in got.iter().zip(expected) {
            match expected {
                Some("*") => assert_eq!(got.map(str::len), Some(36), "{sent:?}"),
                expected => assert_eq!(*got, expected, "{sent:?}"),
            }
        }
        assert!(
            reply
                .header("x-ms-server-version")
                .is_some_and(|it| it.starts_with("wharf/"))
        );
    }
    let sent = [
        ("traceid", "t1"),
        ("x_under", "1"),
        ("x-two", "a"),
        ("x-two", "b"),
    ];
    let reply = replica.send(Method::POST, "/score", &sent, b"").await;
    assert_eq!(reply.header("traceid"), Some("t1"));
    let seen: serde_json::Value = serde_json::from_slice(&reply.body).expect("json");
    assert_eq!(seen["X-Two"], "a,b");
    assert_eq!(seen.get("X_Under").or(seen.get("X-Under")), None, "{seen}");
    let millis = reply.header("x-ms-run-fn-exec-ms").expect("a time");
    assert_eq!(
        millis.split_once('.').map(|it| it.1.len()),
        Some(3),
        "{millis}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn routing_errors_say_that_run_did_not_fail_and_carry_no_ids() {
    let replica = Replica::ready(SCRIPT).await;
    for (method, target, status) in [
        (Method::GET, "/nothing", 404),
        (Method::PUT, "/score", 405),
        (Method::DELETE, "/score", 405),
        (Method::PATCH, "/score", 405),
        (Method::POST, "/swagger.json", 405),
    ] {
        let reply = replica.send(method, target, &[], b"").await;
        assert_eq!(reply.status, status, "{target}");
        assert_eq!(reply.header("x-ms-run-function-failed"), Some("False"));
        assert_eq!(reply.header("x-request-id"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_origins_may_read_answers() {
    let replica = Replica::start_with(|folder, config| {
        config["environment_variables"]["AML_CORS_ORIGINS"] = "http://a.com, http://b.com".into();
        fs::write(folder.join("app/score.py"), SCRIPT).expect("written");
    });
    replica.wait_ready().await;
    for (origin, expected) in [
        (Some("http://b.com"), Some("http://b.com")),
        (Some("http://c.com"), None),
        (None, Some("http://a.com")),
    ] {
        let sent: Vec<_> = origin
            .map(|origin| ("origin", origin))
            .into_iter()
            .collect();
        for target in ["/score", "/", "/swagger.json"] {
            let reply = replica.send(Method::GET, target, &sent, b"").await;
            assert_eq!(
                reply.header("access-control-allow-origin"),
                expected,
                "{origin:?} {target}"
            );
        }
    }
    let sent = [
        ("origin", "http://a.com"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let reply = replica.send(Method::OPTIONS, "/score", &sent, b"").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("access-control-allow-methods"),
        Some("GET, POST")
    );
    assert_eq!(
        reply.header("access-control-allow-headers"),
        Some("authorization")
    );
    assert_eq!(reply.header("vary"), Some("Origin"));
}
