//! `wharf env`: prints the variables.

use clap::{Args, ValueEnum};

use crate::{
    admin_file::AdminFile, data_dir::HomeArgs, environment::EnvironmentBlock, error::CliError,
    printer::Printer,
};

const EXAMPLES: &str = "\
Examples:
  eval \"$(wharf env)\"
  wharf env --format json | jq -r .ARM_CLOUD_METADATA_URL

It needs the data directory, not a running server. The secret that it prints signs
in as the administrator.";

/// How the variables are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    /// `export` lines for a POSIX shell
    Sh,
    /// One object
    Json,
}

/// Prints the variables.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EnvArgs {
    #[command(flatten)]
    home: HomeArgs,

    /// How the variables are printed
    #[arg(long, value_name = "FORMAT", default_value = "sh")]
    format: EnvFormat,
}

pub(crate) fn run(args: &EnvArgs, printer: &mut Printer<'_>) -> Result<(), CliError> {
    let dir = args.home.data_dir()?;
    let block = EnvironmentBlock::new(&AdminFile::read(&dir)?, &dir);
    printer.data(&match args.format {
        EnvFormat::Sh => block.to_shell(),
        EnvFormat::Json => block.to_json(),
    })
}
