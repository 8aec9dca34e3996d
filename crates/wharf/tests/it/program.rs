//! Runs `wharf` with an environment of its own, so that a developer's variables
//! and home directory play no part.

use std::{
    path::Path,
    process::{Command, Output},
};

/// `wharf` with these words, at home in `home`.
pub(crate) fn wharf(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.args(words).env_clear().env("HOME", home);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Runs it to its end.
pub(crate) fn run(home: &Path, words: &[&str]) -> Ended {
    let output = wharf(home, words).output().expect("it starts");
    Ended::from(output)
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}
