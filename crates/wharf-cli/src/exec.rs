//! `wharf exec`: becomes another program that has the variables.

use std::{ffi::OsString, io, os::unix::process::CommandExt as _, process::Command};

use clap::Args;

use crate::{
    admin_file::AdminFile, data_dir::HomeArgs, environment::EnvironmentBlock, error::CliError,
};

const EXAMPLES: &str = "\
Examples:
  wharf exec -- python train.py
  wharf exec -- sh -c 'echo $ARM_CLOUD_METADATA_URL'

It ends as the program ends.";

/// Runs a program with the variables of `wharf env`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExecArgs {
    #[command(flatten)]
    home: HomeArgs,

    /// The program and what it is told
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<OsString>,
}

/// Comes back only when the program cannot be started: it takes this process'
/// place, so signals and exit codes are its own.
pub(crate) fn run(args: &ExecArgs) -> CliError {
    let start = || -> Result<CliError, CliError> {
        let dir = args.home.data_dir()?;
        let block = EnvironmentBlock::new(&AdminFile::read(&dir)?, &dir);
        let [program, rest @ ..] = args.command.as_slice() else {
            return Err(CliError::usage("say what to run after `--`"));
        };
        let variables = block.variables().iter().map(|(name, value)| (name, value));
        let error = Command::new(program).args(rest).envs(variables).exec();
        let name = program.to_string_lossy();
        Ok(match error.kind() {
            io::ErrorKind::NotFound => CliError::not_found(format!("there is no program `{name}`")),
            _ => CliError::failed(format!("cannot run `{name}`: {error}")),
        })
    };
    start().unwrap_or_else(|error| error)
}
