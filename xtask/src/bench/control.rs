//! The control plane's figures: reads and writes per second and per core, time
//! from a request to its end, memory.

use std::{
    io::{self, Write as _},
    path::Path,
    time::Instant,
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::{Client, Result, header},
    deploy::Deployer,
    server::{Server, resident_mib},
    table::{Row, median, print},
};

/// Connections that ask at once.
const CONNECTIONS: usize = 16;
/// Reads that are measured; as many of a quarter go before.
const READS: usize = 40_000;
/// Writes that are measured.
const WRITES: usize = 400;
/// Computes created and services deployed, one after another.
const ROUNDS: usize = 7;

/// Runs everything against a fresh server of `binary` and prints the table.
pub(crate) fn run(binary: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(binary, folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let rows = runtime.block_on(measure(&server))?;
    print(&mut io::stdout().lock(), &rows)?;
    Ok(())
}

async fn measure(server: &Server) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut tell = |row: Row| {
        // Someone may watch; the whole table comes at the end.
        let _ = writeln!(io::stderr(), "{}: {}", row.measure, row.figure);
        rows.push(row);
    };
    let client = Client::sign_in(server).await?;
    let memory = resident_mib(server.pid())?;
    tell(Row::new("server memory at rest", mib(memory), "<= 40 MiB"));

    let created = create(&client).await?;
    tell(Row::new(
        "compute PUT to Succeeded",
        milliseconds(created),
        "<= 1,000 ms",
    ));
    for row in reads(server, &client).await? {
        tell(row);
    }
    for row in writes(server, &client).await? {
        tell(row);
    }
    let deployer = Deployer::prepare(&client).await?;
    let first = deploy(&deployer, "bench-first").await?;
    tell(Row::new(
        "deploy to Healthy, environment built",
        milliseconds(first),
        "",
    ));
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        times.push(deploy(&deployer, &format!("bench-{round}")).await?);
    }
    tell(Row::new(
        "deploy to Healthy, environment cached",
        milliseconds(median(times)),
        "<= 3,000 ms",
    ));
    let replicas = ROUNDS + 1;
    let mut total = 0.0;
    for pid in server.descendants()? {
        total += resident_mib(pid)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of replicas")]
    tell(Row::new(
        "memory of a replica (scorer and its Python)",
        mib(total / replicas as f64),
        "",
    ));
    let memory = resident_mib(server.pid())?;
    tell(Row::new(
        format!("server memory with {replicas} services, after the load"),
        mib(memory),
        "",
    ));
    Ok(rows)
}

async fn create(client: &Client) -> Result<f64> {
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let begun = Instant::now();
        put(client, &format!("bench-{round}"), "FastProd").await?;
        times.push(begun.elapsed().as_secs_f64());
    }
    Ok(median(times))
}

async fn put(client: &Client, name: &str, purpose: &str) -> Result<()> {
    let body = json!({
        "location": "local",
        "properties": {"computeType": "AKS", "properties": {"clusterPurpose": purpose}},
    });
    let url = client.compute_url(name);
    let (_, headers, _) = client.exchange(Method::PUT, &url, &body).await?;
    client
        .wait(header(&headers, "azure-asyncoperation")?, "status")
        .await
}

async fn reads(server: &Server, client: &Client) -> Result<Vec<Row>> {
    let url = client.compute_url("bench-0");
    load(client, &url, None, READS / 4).await?;
    let (cpu, begun) = (server.cpu_seconds()?, Instant::now());
    load(client, &url, None, READS).await?;
    Ok(figures(
        "ARM GET",
        READS,
        begun.elapsed().as_secs_f64(),
        server.cpu_seconds()? - cpu,
        ">= 10,000",
    ))
}

async fn writes(server: &Server, client: &Client) -> Result<Vec<Row>> {
    let url = client.compute_url("bench-0");
    let compute: Value = client
        .send(client.request(Method::GET, &url))
        .await?
        .json()
        .await?;
    let (cpu, begun) = (server.cpu_seconds()?, Instant::now());
    load(client, &url, Some(&compute), WRITES).await?;
    Ok(figures(
        "ARM PUT",
        WRITES,
        begun.elapsed().as_secs_f64(),
        server.cpu_seconds()? - cpu,
        "",
    ))
}

/// Sends `count` requests over [`CONNECTIONS`] connections that stay open.
async fn load(client: &Client, url: &str, body: Option<&Value>, count: usize) -> Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (client, url, body) = (client.clone(), url.to_owned(), body.cloned());
        tasks.spawn(async move {
            for _ in 0..count / CONNECTIONS {
                let request = match &body {
                    None => client.request(Method::GET, &url),
                    Some(body) => client.request(Method::PUT, &url).json(body),
                };
                let response = client.send(request).await.map_err(|error| error.to_string())?;
                response.bytes().await.map_err(|error| error.to_string())?;
            }
            Ok::<(), String>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn figures(what: &str, count: usize, elapsed: f64, cpu: f64, goal: &'static str) -> Vec<Row> {
    let count = count as f64;
    vec![
        Row::new(
            format!("{what} per second, {CONNECTIONS} connections, load beside it"),
            format!("{:.0}", count / elapsed),
            "",
        ),
        Row::new(
            format!("{what} per second and core of the server"),
            format!("{:.0}", count / cpu),
            goal,
        ),
        Row::new(
            format!("CPU per {what}"),
            format!("{:.0} us", cpu / count * 1e6),
            "",
        ),
    ]
}

async fn deploy(deployer: &Deployer, name: &str) -> Result<f64> {
    let begun = Instant::now();
    deployer.deploy(name, "bench-0").await?;
    let elapsed = begun.elapsed().as_secs_f64();
    deployer.score(name).await?;
    Ok(elapsed)
}

fn mib(figure: f64) -> String {
    format!("{figure:.1} MiB")
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1e3)
}
