//! `wharf scorer`: one replica, as a process of its own. It loads neither the
//! store nor TLS, so that it starts fast and stays small.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::Args;

/// Runs one replica; started by the local cluster.
#[derive(Debug, Args)]
pub(crate) struct ScorerArgs {
    /// What the replica is told, a JSON file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs until SIGTERM, or until the script fails.
pub(crate) fn run(args: &ScorerArgs) -> ExitCode {
    // One thread: the work is done by the Python processes.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let error = match runtime {
        Ok(runtime) => match runtime.block_on(wharf_scorer::run(&args.config)) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error.to_string(), error.exit_code()),
        },
        Err(error) => (error.to_string(), 1),
    };
    let (message, code) = error;
    // Nobody is left to tell when this fails.
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
}
