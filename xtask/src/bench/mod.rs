//! `xtask bench control`: what the control plane does in a second, and what it costs.
//!
//! A real server on a throw-away directory, asked over keep-alive TLS as clients
//! ask. Prints a table and asserts nothing: numbers depend on the machine.
//!
//! - [`server`]: the process, its processor time and memory
//! - [`client`]: one connection, kept open
//! - [`load`]: many requests at once
//! - [`flows`]: create to Succeeded, deploy to Healthy
//! - [`scale`]: the same requests over stores of different sizes
//! - [`table`]: what is printed

mod client;
mod flows;
mod load;
mod scale;
mod server;
mod table;

use std::{path::PathBuf, time::Duration};

use clap::Args;

pub(crate) use self::scale::{ScaleArgs, measure as scale};
use self::{client::Target, server::Server, table::Table};
use crate::{Report, workspace::ChoreError};

/// What to measure.
#[derive(Args)]
pub(crate) struct ControlArgs {
    /// The binary to measure, a release build
    #[arg(long, value_name = "PROGRAM", default_value = "target/release/wharf")]
    binary: PathBuf,
    /// How long each load runs, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Connections of each load
    #[arg(long, value_name = "NUMBER", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=64))]
    connections: u16,
    /// How often each flow is done
    #[arg(long, value_name = "NUMBER", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=200))]
    rounds: u16,
}

/// What went wrong; the bench has one reader, who wants the words.
pub(crate) type BenchResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures, and prints as it goes.
pub(crate) fn run(measuring: impl Future<Output = BenchResult<()>>) -> Result<Report, ChoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ChoreError::Bench(error.to_string()))?;
    runtime
        .block_on(measuring)
        .map_err(|error| ChoreError::Bench(error.to_string()))?;
    Ok(Report {
        title: "bench",
        notes: Vec::new(),
        findings: Vec::new(),
    })
}

pub(crate) async fn measure(args: &ControlArgs) -> BenchResult<()> {
    let mut server = Server::start(&args.binary, &["--no-throttle"]).await?;
    let target = Target::open(&server).await?;
    let mut table = Table::default();
    // Allocators give back what the start took.
    tokio::time::sleep(Duration::from_secs(2)).await;
    table.row(
        "server memory at rest",
        format!("{:.1} MiB", server.memory_mib()?),
        "≤ 40 MiB",
    );

    let duration = Duration::from_secs(args.seconds);
    let put = load::puts(&server, &target, args.connections, duration).await?;
    table.row(
        "ARM PUT of one compute each",
        format!(
            "{:.0}/s, {:.0} µs of processor each",
            put.per_second(),
            put.cpu_micros()
        ),
        "",
    );

    let workspace = format!("{}?api-version=2022-05-01", target.workspace);
    for (what, path) in [
        ("compute", load::first_compute(&target)),
        ("workspace", workspace),
    ] {
        let get = load::gets(&server, &target, args.connections, duration, path).await?;
        table.row(
            format!("ARM GET of a {what}"),
            format!(
                "{:.0}/s, {:.0} µs of processor each",
                get.per_second(),
                get.cpu_micros()
            ),
            "",
        );
        table.row(
            format!("ARM GET of a {what} per core of the server"),
            format!("{:.0}/s", get.per_core()),
            "≥ 10,000/s",
        );
    }

    let create = flows::creates(&target, args.rounds).await?;
    table.row("compute PUT to Succeeded", create.to_string(), "≤ 1 s");
    let deploy = flows::deploys(&target, args.rounds.min(10)).await?;
    table.row(
        "deploy to Healthy, environment at hand",
        deploy.to_string(),
        "≤ 3 s",
    );
    let (replicas, mib) = server.replica_memory_mib()?;
    table.row(
        "memory of a replica",
        format!("{mib:.1} MiB (mean of {replicas}, scorer and Python)"),
        "",
    );
    table.row(
        "server memory at the end",
        format!("{:.1} MiB", server.memory_mib()?),
        "",
    );
    flows::clean(&target).await?;
    server.stop().await?;
    table.print();
    Ok(())
}
