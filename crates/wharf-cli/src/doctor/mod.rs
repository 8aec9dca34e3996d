//! `wharf doctor`: what is missing on this machine, and what to do about it.
//!
//! - [`report`]: findings, and how they are printed
//! - checks: [`files`] of the data directory, [`network`] (names, trust, server,
//!   clock), [`python`] (the SDK and what it trusts), [`programs`]

mod files;
mod network;
mod programs;
mod python;
mod report;

use clap::Args;

use crate::{
    admin_file::AdminFile, data_dir::HomeArgs, error::CliError, printer::Printer, session::Session,
};

pub(crate) use report::{Finding, Report};

const EXAMPLES: &str = "\
Examples:
  wharf doctor
  wharf doctor --python .venv/bin/python

Each line says `ok`, `note` or `FAIL`; under it is what to do. It ends with 1 if
anything failed.";

/// Looks at this machine.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    #[command(flatten)]
    home: HomeArgs,

    /// The Python that runs your scripts [default: python3 on the PATH]
    #[arg(long, value_name = "PROGRAM")]
    python: Option<std::path::PathBuf>,
}

/// Runs every check, prints its findings, and gives the exit code.
pub(crate) async fn run(args: &DoctorArgs, printer: &mut Printer<'_>) -> Result<u8, CliError> {
    let mut report = Report::default();
    let session = match Session::find(&args.home) {
        Ok(session) => Some(session),
        Err(error) => {
            report.add(
                Finding::fail("server", error.to_string())
                    .with_advice(error.hint().unwrap_or("start one with `wharf server`")),
            );
            None
        }
    };
    if let Ok(dir) = args.home.data_dir()
        && AdminFile::read(&dir).is_ok()
    {
        files::check(&dir, &mut report);
    }
    if let Some(session) = &session {
        network::check(session, &mut report).await;
    }
    python::check(args.python.as_deref(), session.as_ref(), &mut report).await;
    programs::check(&mut report).await;
    printer.data(&report.to_string())?;
    Ok(report.exit_code())
}
