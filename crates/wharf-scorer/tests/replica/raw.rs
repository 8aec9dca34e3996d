//! Scripts with `@rawhttp`: what they get and what they may answer.

use http::Method;

use crate::{
    harness::Replica,
    table::{INTERNAL, RUN, check},
};

const RAW: &str = "
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
import json
def init(): pass
@rawhttp
def run(request):
    assert isinstance(request, AMLRequest)
    if request.method == 'GET': return eval(request.args['e'])
    if request.files:
        file = request.files['image']
        return [file.filename, file.content_type, len(file.read()), request.form['note']]
    if request.form: return dict(request.form)
    if request.args: return [request.full_path, request.headers['x-A'], request.get_data(False).decode()]
    return request.json
";

#[tokio::test(flavor = "multi_thread")]
async fn raw_requests_and_responses() {
    let replica = Replica::ready(RAW).await;
    let html = "text/html; charset=utf-8";
    let json = "application/json";
    // 40 rows of answers: what run returns, status, failed, type, body
    let rows: [(&str, u16, Option<&str>, &str, &str); 12] = [
        ("AMLResponse('é',201)", 201, Some("False"), html, "é"),
        (
            "AMLResponse(b'ab',200,{'Content-Type':'image/png'})",
            200,
            Some("False"),
            "image/png",
            "ab",
        ),
        (
            "AMLResponse({'a':1},400,json_str=True)",
            400,
            Some("False"),
            json,
            r#"{"a": 1}"#,
        ),
        ("AMLResponse(None,200)", 200, Some("False"), json, "{}"),
        (
            "AMLResponse({'a':1,'b':2},200)",
            200,
            Some("False"),
            html,
            "ab",
        ),
        ("AMLResponse(['a','b'],200)", 200, Some("False"), html, "ab"),
        ("AMLResponse('x',503)", 503, Some("True"), html, "x"),
        (
            "AMLResponse('x',200,run_function_failed=True)",
            200,
            Some("True"),
            html,
            "x",
        ),
        ("AMLResponse('x',200,{'a':1})", 500, Some("True"), json, RUN),
        ("AMLResponse(1,200)", 500, Some("True"), json, RUN),
        ("{'a':None}", 200, Some("False"), json, r#"{"a": null}"#),
        ("b'bytes'", 500, Some("False"), json, INTERNAL),
    ];
    for (input, status, failed, kind, body) in rows {
        let escaped: String = input.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let reply = replica.get(&format!("/score?e={escaped}")).await;
        check(input, &reply, status, failed, body);
        assert_eq!(reply.header("content-type"), Some(kind), "{input}");
    }
    let reply = replica
        .get("/score?e=AMLResponse('x',200,{'x-a':'1,%202','x-request-id':'mine'})")
        .await;
    let values: Vec<_> = reply.headers.get_all("x-a").iter().collect();
    assert_eq!(values, ["1", "2"]);
    assert_ne!(reply.header("x-request-id"), Some("mine"));

    let form = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n\
                --b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a b.png\"\r\n\
                Content-Type: image/png\r\n\r\n\0\r\n\u{1}\r\n--b--\r\n";
    let posts: [(&str, &str, &str, u16, &str); 5] = [
        (
            "/score",
            "multipart/form-data; boundary=b",
            form,
            200,
            r#"["a b.png", "image/png", 4, "hi"]"#,
        ),
        (
            "/score",
            "application/x-www-form-urlencoded",
            "a=1+2&b=%41",
            200,
            r#"{"a": "1 2", "b": "A"}"#,
        ),
        (
            "/score?q=1",
            "text/plain",
            "body",
            200,
            r#"["/score?q=1", "v", "body"]"#,
        ),
        ("/score", "application/json", "[1]", 200, "[1]"),
        ("/score", "application/json", "[1", 500, RUN),
    ];
    for (target, kind, body, status, expected) in posts {
        let headers = [("content-type", kind), ("x-a", "v")];
        let reply = replica
            .send(Method::POST, target, &headers, body.as_bytes())
            .await;
        assert_eq!(
            reply.status,
            status,
            "{kind}: {} {}",
            reply.text(),
            replica.log()
        );
        assert_eq!(reply.text(), expected, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_run_gets_four_methods() {
    let replica = Replica::ready(
        "
from azureml.contrib.services.aml_request import rawhttp
from azureml.contrib.services.aml_response import AMLResponse
def init(): pass
@rawhttp
def run(request): return AMLResponse('', 200, {'x-method': request.method})
",
    )
    .await;
    for method in [Method::GET, Method::POST, Method::OPTIONS, Method::HEAD] {
        let reply = replica.send(method.clone(), "/score", &[], b"").await;
        assert_eq!(reply.header("x-method"), Some(method.as_str()));
        assert!(reply.header("x-ms-run-fn-exec-ms").is_some(), "{method}");
    }
    let reply = replica.send(Method::PUT, "/score", &[], b"").await;
    assert_eq!(reply.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_lacks_is_named_in_the_log() {
    let replica = Replica::ready(
        "
from azureml.contrib.services.aml_request import rawhttp
def init(): pass
@rawhttp
def run(request): return [request.is_secure, request.scheme, request.authorization]
",
    )
    .await;
    let reply = replica.get("/score").await;
    check("no Flask", &reply, 500, Some("True"), RUN);
    let expected = "this request has no 'authorization'; with 'import flask'";
    replica
        .until(expected, || replica.log().contains(expected).then_some(()))
        .await;
}
