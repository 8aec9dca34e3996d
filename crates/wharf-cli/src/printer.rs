//! Data goes to standard output, talk to standard error.

use std::io::{self, Write};

use crate::error::CliError;

/// Where a command writes.
pub struct Printer<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Printer<'a> {
    /// Usually the two standard streams.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err }
    }

    /// What was asked for, as it is.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn data(&mut self, text: &str) -> Result<(), CliError> {
        let written = self.out.write_all(text.as_bytes());
        written
            .and_then(|()| self.out.flush())
            .map_err(|error| CliError::failed(format!("cannot write the answer: {error}")))
    }

    /// A remark for the person at the shell.
    pub fn talk(&mut self, line: &str) {
        // Nobody is left to tell when this fails.
        let _ = writeln!(self.err, "{line}");
    }

    /// A failure, with its hint.
    pub fn error(&mut self, message: &dyn std::fmt::Display, hint: Option<&str>) {
        let _ = write_error(self.err, message, hint);
    }
}

fn write_error(
    err: &mut dyn Write,
    message: &dyn std::fmt::Display,
    hint: Option<&str>,
) -> io::Result<()> {
    writeln!(err, "error: {message}")?;
    if let Some(hint) = hint {
        writeln!(err, "hint: {hint}")?;
    }
    err.flush()
}
