//! Whole flows, from the request to the state that was asked for.

use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::{Method, Request, header::HOST};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    BenchResult,
    client::{Connection, Target},
    table::Times,
};

/// How often a flow looks whether it has ended.
const LOOK: Duration = Duration::from_millis(5);
/// The first deployment makes its environment.
const LONGEST: Duration = Duration::from_secs(300);
const COMPUTE: &str = "bench";
const SCRIPT: &str = "def init():\n    pass\n\ndef run(raw_data):\n    return 1\n";

/// From the PUT of a compute to the end of its operation.
pub(super) async fn creates(target: &Target, rounds: u16) -> BenchResult<Times> {
    let mut connection = target.connect().await?;
    let mut times = Vec::new();
    for round in 0..rounds {
        let began = Instant::now();
        create(target, &mut connection, &format!("create-{round}")).await?;
        times.push(began.elapsed());
    }
    Ok(Times::new(times))
}

async fn create(target: &Target, connection: &mut Connection, name: &str) -> BenchResult<()> {
    let path = format!(
        "{}/computes/{name}?api-version=2020-02-02",
        target.workspace
    );
    let body = json!({
        "location": "local",
        "properties": {"computeType": "AKS", "properties": {"clusterPurpose": "DevTest"}}
    });
    let answer = connection
        .send(target.request(Method::PUT, &path, Some(&body))?)
        .await?
        .good()?;
    let operation = answer.headers["azure-asyncoperation"].to_str()?.to_owned();
    poll(target, connection, target.path_of(&operation), "status").await
}

/// Polls an operation until it has succeeded.
async fn poll(
    target: &Target,
    connection: &mut Connection,
    path: &str,
    member: &str,
) -> BenchResult<()> {
    let began = Instant::now();
    while began.elapsed() < LONGEST {
        let request = target.request(Method::GET, path, None)?;
        let body = connection.send(request).await?.good()?.json()?;
        match body[member].as_str() {
            Some("Succeeded") => return Ok(()),
            Some("Failed" | "Canceled" | "Cancelled" | "TimedOut") => {
                return Err(format!("{path}: {body}").into());
            }
            _ => sleep(LOOK).await,
        }
    }
    Err(format!("{path} did not end").into())
}

/// From the POST of a service to the end of its operation. The first one, which
/// makes the environment, does not count.
pub(super) async fn deploys(target: &Target, rounds: u16) -> BenchResult<Times> {
    let mut connection = target.connect().await?;
    create(target, &mut connection, COMPUTE).await?;
    let asset = upload(target, &mut connection, "score.py").await?;
    deploy(target, &mut connection, "bench-first", &asset).await?;
    let mut times = Vec::new();
    for round in 0..rounds {
        let began = Instant::now();
        deploy(target, &mut connection, &format!("bench-{round}"), &asset).await?;
        times.push(began.elapsed());
    }
    Ok(Times::new(times))
}

/// Uploads an entry script under a name and gives the address of its artifact. Each
/// name makes a file of its own.
pub(super) async fn upload(
    target: &Target,
    connection: &mut Connection,
    name: &str,
) -> BenchResult<String> {
    let path = format!(
        "/artifact/v2.0{}/artifacts/batch/metadata/LocalUpload/bench",
        target.workspace
    );
    let body = json!({"paths": [{"path": name}]});
    let answer = connection
        .send(target.request(Method::POST, &path, Some(&body))?)
        .await?
        .good()?
        .json()?;
    let content = &answer["artifactContentInformation"][name]["contentUri"];
    let content = content.as_str().ok_or("no address to upload to")?;
    let authority = content.trim_start_matches("https://").split('/').next();
    let authority = authority.unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    let put = Request::put(target.path_of(content))
        .header(HOST, authority)
        .header("x-ms-blob-type", "BlockBlob")
        .body(Full::from(format!("{SCRIPT}# {name}\n")))?;
    target.connect_to(host).await?.send(put).await?.good()?;
    let id = answer["artifacts"][name]["artifactId"].as_str();
    Ok(format!("aml://artifact/{}", id.ok_or("no artifact")?))
}

async fn deploy(
    target: &Target,
    connection: &mut Connection,
    name: &str,
    asset: &str,
) -> BenchResult<()> {
    let services = target.management("/services");
    let body = service(name, COMPUTE, asset);
    let answer = connection
        .send(target.request(Method::POST, &services, Some(&body))?)
        .await?
        .good()?;
    let operation = target.operation(&answer)?;
    let path = operation.ok_or("an answer without an operation")?;
    poll(target, connection, &path, "state").await
}

/// A service of one replica, with `asset` as its script and no model.
pub(super) fn service(name: &str, compute: &str, asset: &str) -> Value {
    json!({
        "name": name,
        "computeType": "AKS",
        "computeName": compute,
        "numReplicas": 1,
        "autoScaler": {"autoscaleEnabled": false},
        "environmentImageRequest": {
            "driverProgram": "score.py",
            "assets": [{"id": "score.py", "url": asset, "mimeType": "application/x-python"}],
            "modelIds": [],
            "environment": {
                "name": "bench",
                "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py"},
                "python": {
                    "userManagedDependencies": false,
                    "condaDependencies": {
                        "dependencies": ["python=3.11", {"pip": ["inference-schema"]}]
                    }
                }
            }
        }
    })
}

/// Deletes every service, so that no replica outlives the bench.
pub(super) async fn clean(target: &Target) -> BenchResult<()> {
    let mut connection = target.connect().await?;
    let services = target.management("/services");
    let listed = connection
        .send(target.request(Method::GET, &services, None)?)
        .await?
        .good()?
        .json()?;
    for service in listed["value"].as_array().into_iter().flatten() {
        let name = service["name"].as_str().unwrap_or_default();
        let path = format!("{services}/{name}");
        let answer = connection
            .send(target.request(Method::DELETE, &path, None)?)
            .await?
            .good()?;
        if let Some(path) = target.operation(&answer)? {
            poll(target, &mut connection, &path, "state").await?;
        }
    }
    Ok(())
}
