//! The server's log: to standard error, as text or JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

use crate::{config::LogFormat, error::StartError};

/// Sends log lines to standard error from now on.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), StartError> {
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| StartError::Setting {
            option: "--log",
            why: format!("`{filter}` is no filter: {error}"),
        })?;
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| StartError::Part(format!("the log cannot be started: {error}")))
}
