//! Who does what was typed, and with which exit code the process ends.

use crate::{
    audit, cluster, doctor, env, error::CliError, exec, grammar::Command, keys, principal,
    printer::Printer, replicas,
};

/// Runs a command; gives the exit code of the process.
pub fn run(command: Command, printer: &mut Printer<'_>) -> u8 {
    match perform(command, printer) {
        Ok(code) => code,
        Err(error) => {
            printer.error(&error, error.hint());
            error.exit_code()
        }
    }
}

fn perform(command: Command, printer: &mut Printer<'_>) -> Result<u8, CliError> {
    match command {
        Command::Env(args) => env::run(&args, printer).map(|()| 0),
        Command::Exec(args) => Err(exec::run(&args)),
        Command::Doctor(args) => wait(doctor::run(&args, printer))?,
        Command::Cluster(args) => wait(cluster::run(&args, printer))?.map(|()| 0),
        Command::Replicas(args) => replicas::run(&args, printer).map(|()| 0),
        Command::Principal(args) => wait(principal::run(&args, printer))?.map(|()| 0),
        Command::Audit(args) => wait(audit::run(&args, printer))?.map(|()| 0),
        Command::Keys(args) => keys::run(&args, printer).map(|()| 0),
        Command::Version => printer
            .data(&format!("wharf {}\n", env!("CARGO_PKG_VERSION")))
            .map(|()| 0),
    }
}

/// Runs what talks over the network.
fn wait<T>(work: impl Future<Output = T>) -> Result<T, CliError> {
    // The first of several to install one wins, and all are the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("cannot use the network: {error}")))?;
    let result = runtime.block_on(work);
    // Without waiting for a name that is still looked up.
    runtime.shutdown_background();
    Ok(result)
}
