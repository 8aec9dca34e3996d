//! The worker under every Python that is installed here.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use http::Method;

use crate::harness::{Replica, python};

/// Every Python 3.6 or newer on `PATH` and below `~/.pyenv`, one for each version.
fn interpreters() -> BTreeMap<(u32, u32), PathBuf> {
    let mut found = BTreeMap::new();
    let mut candidates = vec![PathBuf::from(python())];
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        candidates.extend((6..20).map(|minor| folder.join(format!("python3.{minor}"))));
    }
    if let Some(home) = std::env::var_os("HOME") {
        let versions = fs::read_dir(PathBuf::from(home).join(".pyenv/versions"));
        for version in versions.into_iter().flatten().flatten() {
            candidates.push(version.path().join("bin/python3"));
        }
    }
    for candidate in candidates {
        let ask = "import sys; print(*sys.version_info[:2], sys.executable)";
        let Ok(output) = Command::new(&candidate).args(["-c", ask]).output() else {
            continue;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut words = text.trim().splitn(3, ' ');
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<u32>().ok());
        let (Some(major), Some(minor)) = (number(words.next()), number(words.next())) else {
            continue;
        };
        if let Some(path) = words.next()
            && (major, minor) >= (3, 6)
        {
            found.entry((major, minor)).or_insert(PathBuf::from(path));
        }
    }
    found
}

const SCHEMA: &str = "
from inference_schema.schema_decorators import input_schema
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType as P
from azureml.core.model import Model
import sys, time
def init(): print('loaded by', sys.version_info[:2])
@input_schema('data', P([1]))
def run(data, request_headers):
    if data == [0]: time.sleep(60)
    return [list(sys.version_info[:2]), sum(data), request_headers['X-A']]
";

const RAW: &str = "
from azureml.contrib.services.aml_request import rawhttp, AMLRequest
from azureml.contrib.services.aml_response import AMLResponse
def init(): pass
@rawhttp
def run(request):
    def pieces():
        yield request.get_data()
        yield request.args['a']
    return AMLResponse(pieces(), 202, {'x-b': 'c'})
";

#[tokio::test(flavor = "multi_thread")]
async fn all_installed_versions_work() {
    let found = interpreters();
    assert!(!found.is_empty());
    let mut checks = tokio::task::JoinSet::new();
    for (version, path) in found {
        checks.spawn(works_with(version, path));
    }
    while let Some(check) = checks.join_next().await {
        check.expect("a failed check says which version");
    }
}

async fn works_with((major, minor): (u32, u32), path: PathBuf) {
    let start = |script: &'static str| {
        Replica::start_with(|folder, config| {
            config["python"] = path.to_string_lossy().into();
            config["scoring_timeout_ms"] = 1000.into();
            fs::write(folder.join("app/score.py"), script).expect("written");
        })
    };
    let name = format!("{major}.{minor}");
    let replica = start(SCHEMA);
    replica.wait_ready().await;
    let headers = [("content-type", "application/json"), ("x-a", "b")];
    let body = b"{\"data\": [1, 2]}";
    let reply = replica.send(Method::POST, "/score", &headers, body).await;
    let expected = format!("[[{major}, {minor}], 3, \"b\"]");
    assert_eq!(reply.text(), expected, "{name}: {}", replica.log());
    let slow = b"{\"data\": [0]}";
    let reply = replica.send(Method::POST, "/score", &headers, slow).await;
    let expected = r#"{"message": "Scoring timeout after 1000 ms"}"#;
    assert_eq!(reply.status, 500, "{name}");
    assert_eq!(reply.text(), expected, "{name}");
    assert_eq!(replica.get("/swagger.json").await.status, 200, "{name}");

    let replica = start(RAW);
    replica.wait_ready().await;
    let reply = replica
        .send(Method::POST, "/score?a=z", &[], b"body ")
        .await;
    assert_eq!(reply.status, 202, "{name}");
    assert_eq!(reply.text(), "body z", "{name}");
    assert_eq!(reply.header("x-b"), Some("c"), "{name}");

    let mut replica = start("def init(): 1/0\ndef run(data): pass");
    let error = replica.end().await.expect_err("it fails").to_string();
    assert!(error.contains("ZeroDivisionError"), "{name}: {error}");
}
