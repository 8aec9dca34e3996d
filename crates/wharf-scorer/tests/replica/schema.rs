//! Scripts with inference-schema decorators: inputs, conversions, swagger.

use http::Method;

use crate::{
    harness::{Replica, Reply},
    table::{INTERNAL, RUN, check},
};

const SCHEMA: &str = "
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType as P
def init(): pass
@input_schema('data', P([1, 2]))
@input_schema('scale', P(1.5))
@output_schema(P([1.0]))
def run(data, scale=2.0): return [it * scale for it in data]
";

#[tokio::test(flavor = "multi_thread")]
async fn schema_decorated_run() {
    let replica = Replica::ready(SCHEMA).await;
    let json = "application/json";
    type Row<'a> = (&'a str, &'a str, &'a [u8], u16, &'a str, &'a str);
    let rows: [Row<'_>; 13] = [
        (
            "good",
            json,
            b"{\"data\": [1, 2], \"scale\": 3}",
            200,
            "False",
            "[3, 6]",
        ),
        ("default", json, b"{\"data\": [1]}", 200, "False", "[2.0]"),
        (
            "6 mark",
            json,
            b"\xef\xbb\xbf{\"data\": [1]}",
            200,
            "False",
            "[2.0]",
        ),
        (
            "30 extra, suffix",
            "application/x+json",
            b"{\"data\": [1], \"b\": NaN}",
            200,
            "False",
            "[2.0]",
        ),
        (
            "23 type",
            "text/plain",
            b"{\"data\": [1]}",
            415,
            "False",
            r#"{"message": "Expects Content-Type to be application/json"}"#,
        ),
        (
            "24 empty",
            json,
            b"",
            400,
            "False",
            r#"{"message": "POST body is empty. Expecting a JSON dictionary."}"#,
        ),
        (
            "25 malformed",
            json,
            b"x",
            400,
            "False",
            r#"{"message": "POST body could not be decoded as JSON: Expecting value: line 1 column 1 (char 0)"}"#,
        ),
        (
            "26 array",
            json,
            b"[1]",
            400,
            "False",
            r#"{"message": "POST body should be a JSON dictionary."}"#,
        ),
        (
            "26 null",
            json,
            b"null",
            400,
            "False",
            r#"{"message": "POST body should be a JSON dictionary."}"#,
        ),
        (
            "27 missing",
            json,
            b"{\"Data\": 1}",
            400,
            "False",
            r#"{"message": "A value is not provided for the 'data' parameter."}"#,
        ),
        ("28 wrong type", json, b"{\"data\": 1}", 500, "True", RUN),
        ("28 null", json, b"{\"data\": null}", 500, "True", RUN),
        (
            "29 not UTF-8",
            json,
            b"{\"data\": \"\xff\"}",
            500,
            "False",
            INTERNAL,
        ),
    ];
    for (name, kind, body, status, failed, expected) in rows {
        let headers = [("content-type", kind)];
        let reply = replica.send(Method::POST, "/score", &headers, body).await;
        check(name, &reply, status, Some(failed), expected);
    }
    let reply = replica.get("/score?data=[1,2]&scale=2").await;
    check("30 query", &reply, 200, Some("False"), "[2, 4]");
    let reply = replica.get("/score").await;
    assert_eq!(reply.status, 400, "27 query");
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_shows_the_samples() {
    let replica = Replica::ready(SCHEMA).await;
    let document = |reply: &Reply| -> serde_json::Value {
        assert_eq!(reply.status, 200, "{}", reply.text());
        serde_json::from_slice(&reply.body).expect("json")
    };
    let second = document(&replica.get("/swagger.json").await);
    assert_eq!(second["swagger"], "2.0");
    assert_eq!(second["info"]["title"], "iris");
    let path = &second["paths"]["/api/v1/service/iris/score"]["post"];
    assert_eq!(path["operationId"], "RunMLService");
    let expected = serde_json::json!({
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": {"type": "integer", "format": "int64"}},
            "scale": {"type": "number", "format": "double"}
        },
        "example": {"data": [1, 2], "scale": 1.5}
    });
    assert_eq!(second["definitions"]["ServiceInput"], expected);
    let third = document(&replica.get("/swagger.json?version=3").await);
    assert_eq!(third["openapi"], "3.0.3");
    assert_eq!(third["components"]["schemas"]["ServiceInput"], expected);
    let newest = document(&replica.get("/swagger.json?version=3.1").await);
    assert_eq!(newest["openapi"], "3.1.0");

    let reply = replica.get("/swagger.json?version=4").await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.text(),
        r#"{"message":"Swagger version [4] is not valid. Supported versions: [2, 3, 3.1]."}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_mixed_types_has_no_second_version() {
    let replica = Replica::ready(&SCHEMA.replace("P([1, 2])", "P([1, 'a'])")).await;
    let reply = replica.get("/swagger.json").await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.text(),
        r#"{"message":"Swagger version [2] is not supported for the scoring script. Supported swagger versions: [3, 3.1]."}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decorator_for_a_parameter_that_run_lacks_fails_each_request() {
    let replica = Replica::ready(&SCHEMA.replace("'scale', P", "'scales', P")).await;
    for _ in 0..2 {
        let reply = replica.score("{\"data\": [1]}").await;
        check("31", &reply, 500, Some("True"), RUN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn swagger_files_of_the_user_win() {
    let replica = Replica::start_with(|folder, _| {
        let app = folder.join("app");
        std::fs::write(app.join("score.py"), SCHEMA).expect("written");
        std::fs::write(app.join("swagger2.json"), "{\"mine\": 2}").expect("written");
        std::fs::write(app.join("swagger3.1.json"), "{\"mine\": 3.1}").expect("written");
        // Azure's server reads these two; they must not break ours.
        std::fs::write(app.join("config.json"), "[]").expect("written");
        std::fs::write(app.join("logging.json"), "{\"version\": 1}").expect("written");
    });
    replica.wait_ready().await;
    for (version, expected) in [("", "{\"mine\": 2}"), ("?version=3.1", "{\"mine\": 3.1}")] {
        let reply = replica.get(&format!("/swagger.json{version}")).await;
        assert_eq!(reply.text(), expected);
        assert_eq!(reply.header("x-ms-run-function-failed"), Some("False"));
    }
    let third = replica.get("/swagger.json?version=3.0").await;
    assert!(third.text().contains("\"openapi\": \"3.0.3\""));
    assert_eq!(replica.get("/swagger.json?version=").await.status, 404);
}
