//! `xtask bench scale`: what a request costs when there are few things, and when there
//! are many. Only the ratio of columns tells something of Wharf.
//!
//! Everything is made over the API, in one store: operations first, then models,
//! computes, services, and files of their own for the sweep.
//!
//! - [`asker`]: one client, and what its requests cost the server
//! - [`columns`]: figures by size
//! - [`models`], [`computes`], [`services`], [`operations`]: the lists, look-ups and
//!   writes of one kind of thing
//! - [`whole`]: the server by itself, over an empty store and over the full one

mod asker;
mod columns;
mod computes;
mod models;
mod operations;
mod services;
mod whole;

use std::path::PathBuf;

use clap::Args;

use self::{asker::Asker, columns::Columns};
use super::{BenchResult, client::Target, flows, server::Server, table::Table};

/// A server that lets so much be made, and starts no process for services.
const FLAGS: &[&str] = &[
    "--no-throttle",
    "--most-computes=100000",
    "--most-services=100000",
    services::NO_ENVIRONMENTS,
];

/// What to measure.
#[derive(Args)]
pub(crate) struct ScaleArgs {
    /// The binary to measure, a release build
    #[arg(long, value_name = "PROGRAM", default_value = "target/release/wharf")]
    binary: PathBuf,
    /// How many operations there are in each column
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    operations: Vec<u32>,
    /// How many models
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    models: Vec<u32>,
    /// How many computes
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [100, 1_000])]
    computes: Vec<u32>,
    /// How many services
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [100, 1_000])]
    services: Vec<u32>,
    /// How many files the sweep looks at
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    files: u32,
}

pub(crate) async fn measure(args: &ScaleArgs) -> BenchResult<()> {
    let mut server = Server::start(&args.binary, FLAGS).await?;
    let full = format!(
        "{} operations, {} models, {} computes, {} services, {} files",
        most(&args.operations),
        most(&args.models),
        most(&args.computes),
        most(&args.services),
        args.files
    );
    let mut whole = Columns::of(
        "the server by itself".to_owned(),
        ["an empty store".to_owned(), full].into_iter(),
    );
    whole::measure(&mut server, &mut whole).await?;
    let mut table = Table::default();
    let target = Target::open(&server).await?;
    let mut asker = Asker::new(&server, &target).await?;
    let operations = operations::measure(&mut asker, &args.operations).await?;
    operations.write(&mut table);
    let file = flows::upload(&target, &mut asker.connection, "score.py").await?;
    let file = file.trim_start_matches("aml://artifact/").to_owned();
    let models = models::measure(&mut asker, &args.models, &file).await?;
    models.write(&mut table);
    let computes = computes::measure(&mut asker, &args.computes).await?;
    computes.write(&mut table);
    let services = services::measure(&mut asker, &args.services, &file).await?;
    services.write(&mut table);
    for number in 0..args.files {
        let name = format!("file-{number:05}");
        flows::upload(&target, &mut asker.connection, &name).await?;
    }
    drop(asker);
    whole::measure(&mut server, &mut whole).await?;
    whole.write(&mut table);
    server.stop().await?;
    table.print();
    Ok(())
}

fn most(counts: &[u32]) -> u32 {
    counts.iter().copied().max().unwrap_or(0)
}
