//! The `wharf` binary: reads what it is told, builds the parts, joins them.
//!
//! - [`server`]: the whole system on one machine
//!   - what it is told: [`config`], [`guard`], [`descriptors`]; its state: [`data_dir`], [`durable`], [`keys`],
//!     [`certificates`], [`ports`]
//!   - its edges: [`tls`], [`blob_host`], [`sign_in_files`], [`ready`],
//!     [`local_cluster`], [`passed_on`], [`signals`], [`telemetry`]
//! - [`scorer`]: one replica
//! - [`check`]: whether a data directory is whole
//! - everything else is `wharf-cli`

mod blob_host;
mod catalogue;
mod certificates;
mod check;
mod config;
mod data_dir;
mod descriptors;
mod durable;
mod error;
#[cfg(debug_assertions)]
mod fault_plan;
mod guard;
mod keys;
mod leaf_names;
#[cfg(test)]
mod limits_page;
mod local_cluster;
mod passed_on;
mod ports;
mod ready;
mod scorer;
mod server;
mod sign_in_files;
mod signals;
mod telemetry;
mod tls;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use wharf_cli::Printer;

use crate::{check::CheckArgs, config::ServerArgs, error::StartError, scorer::ScorerArgs};

const EXAMPLES: &str = "\
Examples:
  wharf server                      run Wharf on this machine
  eval \"$(wharf env)\"               point the SDK in this shell at it
  wharf exec -- python train.py     the same for one program
  wharf replicas stop               end what a stopped server left running
  wharf doctor                      find out what is missing, and what to do";

/// Ties Kubernetes clusters to an ML workspace and serves models on them.
#[derive(Parser)]
#[command(name = "wharf", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Server(Box<ServerArgs>),
    #[command(hide = true)]
    Scorer(ScorerArgs),
    Check(CheckArgs),
    #[command(flatten)]
    Shell(wharf_cli::Command),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Scorer(args) => scorer::run(&args),
        Command::Server(args) => match serve(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
                Printer::new(&mut out, &mut err).error(&error, error.hint().as_deref());
                ExitCode::from(error.exit_code())
            }
        },
        Command::Check(args) => {
            let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
            let mut printer = Printer::new(&mut out, &mut err);
            ExitCode::from(check::run(&args, &mut printer).unwrap_or_else(|error| {
                printer.error(&error, error.hint());
                error.exit_code()
            }))
        }
        Command::Shell(command) => {
            let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
            ExitCode::from(wharf_cli::run(
                command,
                &mut Printer::new(&mut out, &mut err),
            ))
        }
    }
}

fn serve(args: &ServerArgs) -> Result<(), StartError> {
    telemetry::start(&args.log, args.log_format)?;
    #[cfg(debug_assertions)]
    if fault_plan::install()? {
        return Ok(());
    }
    // The first of several to install one wins, and all are the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError::Part(format!("threads: {error}")))?;
    let result = runtime.block_on(server::run(args));
    // Without waiting for threads that still read a file or look a name up.
    runtime.shutdown_background();
    result
}
