//! The table of requests and answers, row by row. The numbers are those of the
//! observations on azureml-inference-server-http 1.5.1.

use http::Method;

use crate::harness::{Replica, Reply};

pub(crate) const RUN: &str = r#"{"message": "An unexpected error occurred in scoring script. Check the logs for more info."}"#;
pub(crate) const INTERNAL: &str =
    r#"{"message": "An unexpected internal error occurred. Check the logs for more info."}"#;

/// Calls of an undecorated script: the expression is the input.
const EVAL: &str = r#"
import decimal, math, os, sys, time, json
def init(): pass
def run(data):
    return eval(data)
"#;

pub(crate) fn check(name: &str, reply: &Reply, status: u16, failed: Option<&str>, body: &str) {
    assert_eq!(reply.status, status, "{name}: {}", reply.text());
    assert_eq!(reply.header("x-ms-run-function-failed"), failed, "{name}");
    assert_eq!(reply.text(), body, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_run() {
    let replica = Replica::ready(EVAL).await;
    // name, what run returns, status, failed, body
    let rows: [(&str, &str, u16, &str, &str); 22] = [
        ("text", "'hello \\xe9'", 200, "False", r#""hello \u00e9""#),
        (
            "dumps",
            "json.dumps({'a': 1})",
            200,
            "False",
            r#""{\"a\": 1}""#,
        ),
        (
            "dict",
            "{'b': 1, 'a': [1, 2.5]}",
            200,
            "False",
            r#"{"b": 1, "a": [1, 2.5]}"#,
        ),
        (
            "same keys",
            "{1: 2, '1': 3}",
            200,
            "False",
            r#"{"1": 2, "1": 3}"#,
        ),
        ("None", "None", 200, "False", "{}"),
        ("empty", "''", 200, "False", r#""""#),
        ("zero", "0", 200, "False", "0"),
        (
            "tuple is no status",
            "({'a': 1}, 400)",
            200,
            "False",
            r#"[{"a": 1}, 400]"#,
        ),
        (
            "NaN",
            "[math.nan, math.inf]",
            200,
            "False",
            "[NaN, Infinity]",
        ),
        ("surrogate", "'\\ud800'", 200, "False", r#""\ud800""#),
        ("13 exception", "1/0", 500, "True", RUN),
        ("13 StopIteration", "next(iter([]))", 500, "True", RUN),
        (
            "14 own timeout",
            "(_ for _ in ()).throw(TimeoutError())",
            500,
            "True",
            r#"{"message": "Scoring timeout after 60000 ms"}"#,
        ),
        ("18 exit", "sys.exit(0)", 500, "True", RUN),
        ("22 bytes", "b'x'", 500, "False", INTERNAL),
        ("22 set", "{1}", 500, "False", INTERNAL),
        ("22 decimal", "decimal.Decimal(1)", 500, "False", INTERNAL),
        ("22 range", "range(3)", 500, "False", INTERNAL),
        (
            "22 circular",
            "(lambda a: (a.append(a), a))([])[1]",
            500,
            "False",
            INTERNAL,
        ),
        ("22 tuple keys", "{(1, 2): 3}", 500, "False", INTERNAL),
        (
            "environment",
            "[os.environ['A'], os.environ['SERVICE_NAME'], os.environ.get('CARGO')]",
            200,
            "False",
            r#"["b", "iris", null]"#,
        ),
        (
            "root",
            "os.getcwd() == os.environ['AML_APP_ROOT']",
            200,
            "False",
            "true",
        ),
    ];
    for (name, input, status, failed, body) in rows {
        let reply = replica.score(input).await;
        check(name, &reply, status, Some(failed), body);
        assert_eq!(
            reply.header("content-type"),
            Some("application/json"),
            "{name}"
        );
        let has_time = reply.header("x-ms-run-fn-exec-ms").is_some();
        assert_eq!(has_time, status == 200, "{name}");
        assert_eq!(reply.header("x-wharf-scoring-timeout"), None, "{name}");
    }
    assert!(
        replica
            .log()
            .contains("ZeroDivisionError: division by zero")
    );
}

const ECHO: &str = "
def init(): pass
def run(data): return data
";

#[tokio::test(flavor = "multi_thread")]
async fn inputs_of_an_undecorated_run() {
    let replica = Replica::ready(ECHO).await;
    let json = [("content-type", "application/json")];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let multi = [("content-type", "multipart/form-data; boundary=x")];
    type Row<'a> = (
        &'a str,
        Method,
        &'a str,
        &'a [(&'a str, &'a str)],
        &'a [u8],
        u16,
        &'a str,
    );
    let rows: [Row<'_>; 16] = [
        (
            "1",
            Method::POST,
            "/score",
            &json,
            b"{\"a\": 1}",
            200,
            r#""{\"a\": 1}""#,
        ),
        ("2 empty", Method::POST, "/score", &json, b"", 200, r#""""#),
        (
            "3 no type",
            Method::POST,
            "/score",
            &[],
            b"text",
            200,
            r#""text""#,
        ),
        (
            "4 form",
            Method::POST,
            "/score",
            &form,
            b"a=1",
            200,
            r#""""#,
        ),
        (
            "4 multipart",
            Method::POST,
            "/score",
            &multi,
            b"--x--",
            200,
            r#""""#,
        ),
        (
            "5 not UTF-8",
            Method::POST,
            "/score",
            &json,
            b"a\xff",
            400,
            r#"{"message": "Input cannot be decoded as UTF-8: 'utf-8' codec can't decode byte 0xff in position 1: invalid start byte"}"#,
        ),
        (
            "6 mark",
            Method::POST,
            "/score",
            &json,
            b"\xef\xbb\xbf1",
            200,
            r#""\ufeff1""#,
        ),
        (
            "7 query",
            Method::GET,
            "/score?a=1&b=[1,2]&c=x&a=2",
            &[],
            b"",
            200,
            r#""{\"a\": [1, 2], \"b\": [1, 2], \"c\": \"x\"}""#,
        ),
        ("7 none", Method::GET, "/score", &[], b"", 200, r#""{}""#),
        ("8 options", Method::OPTIONS, "/score", &[], b"", 200, ""),
        (
            "9 put",
            Method::PUT,
            "/score",
            &[],
            b"",
            405,
            r#"{"message":"The method is not allowed for the requested URL."}"#,
        ),
        (
            "9 post",
            Method::POST,
            "/",
            &[],
            b"",
            405,
            r#"{"message":"The method is not allowed for the requested URL."}"#,
        ),
        ("10 head", Method::HEAD, "/score", &[], b"", 405, ""),
        (
            "11 path",
            Method::GET,
            "/score/",
            &[],
            b"",
            404,
            r#"{"message":"The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again."}"#,
        ),
        (
            "12 slashes",
            Method::POST,
            "//score",
            &json,
            b"1",
            200,
            r#""1""#,
        ),
        ("health", Method::GET, "/", &[], b"", 200, "Healthy"),
    ];
    for (name, method, target, headers, body, status, expected) in rows {
        let reply = replica.send(method, target, headers, body).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.text());
        assert_eq!(reply.text(), expected, "{name}");
        let has_ids = reply.header("x-request-id").is_some();
        let is_bare = status == 404 || (status == 405 && name != "10 head");
        assert_eq!(has_ids, !is_bare, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_of_a_request() {
    let replica = Replica::ready(ECHO).await;
    let long = "x".repeat(101);
    let longer = "x".repeat(9000);
    type Row<'a> = (
        &'a str,
        &'a str,
        &'a [(&'a str, &'a str)],
        usize,
        u16,
        &'a str,
    );
    let query = format!("/score?{}", "x".repeat(5000));
    let rows: [Row<'_>; 6] = [
        (
            "35",
            "/score",
            &[("x-request-id", &long)],
            1,
            431,
            "x-request-id must not exceed 100 characters",
        ),
        (
            "35 health",
            "/",
            &[("x-request-id", &long)],
            0,
            431,
            "x-request-id must not exceed 100 characters",
        ),
        (
            "36",
            "/score",
            &[("x-ms-request-id", &long)],
            1,
            431,
            "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters",
        ),
        (
            "39 field",
            "/score",
            &[("a", &longer)],
            1,
            431,
            "A header field is too long.",
        ),
        (
            "39 line",
            &query,
            &[],
            1,
            414,
            "The request line is too long.",
        ),
        (
            "body",
            "/score",
            &[],
            (1 << 20) + 1,
            413,
            "The body must not exceed 1048576 bytes.",
        ),
    ];
    for (name, target, headers, size, status, expected) in rows {
        let method = if size == 0 { Method::GET } else { Method::POST };
        let body = vec![b'x'; size];
        let reply = replica.send(method, target, headers, &body).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.text());
        assert!(reply.text().contains(expected), "{name}: {}", reply.text());
    }
    let reply = replica
        .send(Method::POST, "/score", &[], &vec![b'x'; 1 << 20])
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.body.len()),
        (200, (1 << 20) + 2)
    );
}
