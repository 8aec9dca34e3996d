//! `xtask bench scale`: what a request costs when there are few things, and when there
//! are many. Only the ratio of columns tells something of Wharf.
//!
//! Everything is made over the API.
//!
//! - [`asker`]: one client, and what its requests cost the server
//! - [`columns`]: figures by size
//! - [`models`]: the lists and look-ups of one kind of thing

mod asker;
mod columns;
mod models;

use std::path::PathBuf;

use clap::Args;

use self::asker::Asker;
use super::{BenchResult, client::Target, server::Server, table::Table};

/// What to measure.
#[derive(Args)]
pub(crate) struct ScaleArgs {
    /// The binary to measure, a release build
    #[arg(long, value_name = "PROGRAM", default_value = "target/release/wharf")]
    binary: PathBuf,
    /// How many models there are in each column
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    models: Vec<u32>,
}

pub(crate) async fn measure(args: &ScaleArgs) -> BenchResult<()> {
    let mut server = Server::start(&args.binary).await?;
    let target = Target::open(&server).await?;
    let mut asker = Asker::new(&server, &target).await?;
    let models = models::measure(&mut asker, &args.models).await?;
    drop(asker);
    server.stop().await?;
    let mut table = Table::default();
    models.write(&mut table);
    table.print();
    Ok(())
}
