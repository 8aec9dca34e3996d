//! A script is deployed and scored; the server is killed; the same replica serves
//! on with the same key.

use std::{fs, path::Path};

use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;

use crate::{
    api::Api,
    program::run,
    server::{Server, data},
};

const SCRIPT: &str = "\
import json, os

def init():
    global factor
    folder = os.environ['AZUREML_MODEL_DIR']
    with open(os.path.join(folder, 'factor.json')) as file:
        factor = json.load(file)

def run(data):
    return {'result': json.loads(data)['x'] * factor, 'pid': os.getpid()}
";

/// What a score request answers.
async fn score(api: &Api, uri: &str, key: &str) -> serde_json::Value {
    let request = api.http.post(uri).bearer_auth(key).body("{\"x\": 6}");
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("text");
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

/// Replicas of one data directory. They outlive servers, so a test that fails has to
/// end them.
struct Replicas {
    root: String,
    data: String,
}

impl Replicas {
    fn of(dir: &Path) -> Self {
        let root = data(dir).join("replicas");
        Self {
            root: root.to_str().expect("text").to_owned(),
            data: data(dir).to_str().expect("text").to_owned(),
        }
    }

    /// Process ids; each leads its own group.
    fn running(&self) -> Vec<Pid> {
        let entries = fs::read_dir("/proc").expect("processes");
        let pids = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let is_ours = String::from_utf8_lossy(&line).contains(&self.root);
            let pid = entry.file_name().to_str()?.parse().ok()?;
            is_ours.then(|| Pid::from_raw(pid)).flatten()
        });
        pids.collect()
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        for pid in self.running() {
            // Fine when it has ended.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

#[tokio::test]
async fn a_deployment_outlives_the_server_that_made_it() {
    let scratch = tempfile::tempdir().expect("a folder");
    let replicas = Replicas::of(scratch.path());
    let server = Server::start(scratch.path());
    let api = Api::new(&server).await;
    api.attach("inference").await;
    let model = api.upload("factor.json", "7").await;
    api.register("factor", &model).await;
    let script = api.upload("score.py", SCRIPT).await;
    let driver = api.upload("driver.py", "pass\n").await;
    api.create_service(&json!({
        "name": "times", "computeType": "AKS", "computeName": "inference", "numReplicas": 1,
        "environmentImageRequest": {
            "driverProgram": "driver.py",
            "assets": [
                {"id": "driver.py", "url": driver, "mimeType": "application/x-python"},
                {"id": "score.py", "url": script, "mimeType": "application/octet-stream"},
            ],
            "modelIds": ["factor:1"],
            "environment": {
                "name": "bare",
                "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py"},
                "python": {"userManagedDependencies": false, "condaDependencies":
                    {"name": "bare", "channels": [], "dependencies": ["python=3.11"]}},
            },
        },
    }))
    .await;
    let service = api.healthy("times").await;
    let uri = service["scoringUri"].as_str().expect("an address");
    let key = api.key("times").await;
    let first = score(&api, uri, &key).await;
    assert_eq!(first["result"], 42);
    let refused = api.http.post(uri).bearer_auth("wrong").send().await;
    assert_eq!(
        refused.expect("an answer").status(),
        StatusCode::UNAUTHORIZED
    );

    server.kill();
    let server = Server::start(scratch.path());
    let api = Api::new(&server).await;
    // Nothing is waited for: when the server says that it is ready, it serves.
    assert_eq!(
        score(&api, uri, &key).await,
        first,
        "the same process answers"
    );
    assert_eq!(api.key("times").await, key);

    // A stop leaves it; the command does not, and the next start brings it back.
    let ended = server.run(&["replicas", "stop"]);
    assert_eq!(ended.code, Some(1), "a server runs: {}", ended.err);
    assert!(ended.err.contains("a server uses"), "{}", ended.err);
    let (status, said) = server.stop_and_read();
    assert!(status.success());
    let way = format!("wharf replicas stop --data-dir '{}'", replicas.data);
    assert!(
        said.contains("1 replica goes on") && said.contains(&way),
        "{said}"
    );
    let words = |last| ["replicas", last, "--data-dir", &replicas.data];
    let doctor = run(scratch.path(), &["doctor", "--data-dir", &replicas.data]);
    assert!(
        doctor.out.contains("1 replica of it run without a server"),
        "{}",
        doctor.out
    );
    assert_eq!(run(scratch.path(), &words("list")).out.lines().count(), 1);
    let ended = run(scratch.path(), &words("stop"));
    assert_eq!(
        (ended.code, ended.err.as_str()),
        (Some(0), "Ended: 1 replica\n")
    );
    assert!(replicas.running().is_empty());
    let server = Server::start(scratch.path());
    let api = Api::new(&server).await;
    // Unlike what is taken over, it has to come up first.
    loop {
        let request = api.http.post(uri).bearer_auth(&key).body("{\"x\": 6}");
        if request.send().await.expect("an answer").status() == StatusCode::OK {
            break;
        }
        tokio::task::yield_now().await;
    }
    let second = score(&api, uri, &key).await;
    assert_eq!(second["result"], 42);
    assert_ne!(second["pid"], first["pid"], "another process answers");

    api.delete_service("times").await;
    let gone = api.http.post(uri).bearer_auth(&key).send().await;
    assert_eq!(gone.expect("an answer").status(), StatusCode::NOT_FOUND);
    while !replicas.running().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(server.stop().success());
}
