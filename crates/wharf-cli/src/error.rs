//! How a command ends when it does not end well.

use std::fmt;

/// Exit code of a command that was understood and failed.
pub(crate) const FAILED: u8 = 1;
/// Exit code of a command line that makes no sense, as `az` has it.
pub(crate) const USAGE: u8 = 2;
/// Exit code when what was named is not there, as `az` has it.
pub(crate) const NOT_FOUND: u8 = 3;

/// A failed command: what happened, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    message: String,
    hint: Option<String>,
    exit_code: u8,
}

impl CliError {
    /// The command was understood and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            exit_code: FAILED,
        }
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit_code: USAGE,
            ..Self::failed(message)
        }
    }

    /// What was named is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self {
            exit_code: NOT_FOUND,
            ..Self::failed(message)
        }
    }

    /// What the person can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The process ends with it.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// The hint, if there is one.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Shorthand for a file that cannot be used.
    pub(crate) fn file(what: &str, path: &std::path::Path, error: &dyn fmt::Display) -> Self {
        Self::failed(format!("cannot {what} {}: {error}", path.display()))
    }
}
