//! Many requests at once, for a while.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::{BenchResult, client::Target, server::Server};

/// Most PUTs of a load: each makes a compute, and the store is no part of what is
/// measured once it holds very many.
const MOST_PUTS: u32 = 2_000;

/// What a load came to.
pub(super) struct Load {
    requests: f64,
    seconds: f64,
    /// Of the server alone.
    cpu_seconds: f64,
}

impl Load {
    pub(super) fn per_second(&self) -> f64 {
        self.requests / self.seconds
    }

    /// Requests that a second of one core answers.
    pub(super) fn per_core(&self) -> f64 {
        self.requests / self.cpu_seconds
    }

    pub(super) fn cpu_micros(&self) -> f64 {
        1e6 * self.cpu_seconds / self.requests
    }
}

/// GETs of one resource.
pub(super) async fn gets(
    server: &Server,
    target: &Target,
    connections: u16,
    duration: Duration,
    path: String,
) -> BenchResult<Load> {
    run(server, target, connections, duration, u32::MAX, move |_| {
        (Method::GET, path.clone(), None)
    })
    .await
}

/// The path of the first compute that [`puts`] makes.
pub(super) fn first_compute(target: &Target) -> String {
    compute(&target.workspace, 0)
}

fn compute(workspace: &str, number: u64) -> String {
    format!("{workspace}/computes/load-{number}?api-version=2020-02-02")
}

/// PUTs, each of a compute of its own.
pub(super) async fn puts(
    server: &Server,
    target: &Target,
    connections: u16,
    duration: Duration,
) -> BenchResult<Load> {
    let workspace = target.workspace.clone();
    run(
        server,
        target,
        connections,
        duration,
        MOST_PUTS / u32::from(connections),
        move |number| {
            let path = compute(&workspace, number);
            let body = json!({
                "location": "local",
                "properties": {"computeType": "AKS", "properties": {"clusterPurpose": "DevTest"}}
            });
            (Method::PUT, path, Some(body))
        },
    )
    .await
}

async fn run(
    server: &Server,
    target: &Target,
    connections: u16,
    duration: Duration,
    most_each: u32,
    make: impl Fn(u64) -> (Method, String, Option<serde_json::Value>) + Clone + Send + 'static,
) -> BenchResult<Load> {
    let mut ready = Vec::new();
    for _ in 0..connections {
        ready.push(target.connect().await?);
    }
    let cpu = server.cpu_seconds()?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, mut connection) in (0_u64..).zip(ready) {
        let (target, make) = (target.clone(), make.clone());
        tasks.spawn(async move {
            let mut sent = 0_u32;
            while began.elapsed() < duration && sent < most_each {
                let number = index * u64::from(u32::MAX) + u64::from(sent);
                let (method, path, body) = make(number);
                let request = target.request(method, &path, body.as_ref())?;
                connection.send(request).await?.good()?;
                sent += 1;
            }
            BenchResult::Ok(sent)
        });
    }
    let mut requests = 0.0;
    while let Some(sent) = tasks.join_next().await {
        requests += f64::from(sent??);
    }
    Ok(Load {
        requests,
        seconds: began.elapsed().as_secs_f64(),
        cpu_seconds: server.cpu_seconds()? - cpu,
    })
}
