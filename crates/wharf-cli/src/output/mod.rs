//! How answers are printed: `-o json` as the server gave them, `-o table` for
//! people.

mod table;

use clap::{Args, ValueEnum};
use serde_json::Value;

pub(crate) use table::Table;

use crate::{error::CliError, printer::Printer};

/// How an answer is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputArgs {
    /// How the answer is printed
    #[arg(long, short, value_name = "FORMAT", default_value = "json")]
    output: OutputFormat,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// Everything, for programs
    Json,
    /// What matters most, for people
    Table,
}

impl OutputArgs {
    /// Prints an answer; `table` is what a person wants to see of it.
    pub(crate) fn print(
        self,
        answer: &Value,
        table: impl FnOnce() -> Result<Table, CliError>,
        printer: &mut Printer<'_>,
    ) -> Result<(), CliError> {
        match self.output {
            OutputFormat::Json => printer.data(&format!("{answer:#}\n")),
            OutputFormat::Table => printer.data(&table()?.to_string()),
        }
    }
}
