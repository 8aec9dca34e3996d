//! The state file: how the scorer tells its backend how it is. A file and not a
//! call, so that a backend that was restarted finds the answer too.

use std::{fs, path::PathBuf, sync::Mutex};

use serde::Serialize;

use crate::error::ScorerError;

/// How a scorer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// No worker has finished `init` yet, or none is left.
    Starting,
    /// At least one worker answers.
    Ready,
    /// It gave up and ends.
    Failed,
}

#[derive(Serialize)]
struct Content<'a> {
    phase: Phase,
    message: Option<&'a str>,
    pid: u32,
    address: Option<&'a str>,
}

/// Longest message, in bytes: an exception's text may be anything.
const LONGEST_MESSAGE: usize = 4096;

/// Writes the state file, whole or not at all.
pub(crate) struct StateFile {
    path: PathBuf,
    address: Option<String>,
    /// The last phase written; `Failed` is final.
    last: Mutex<Option<Phase>>,
}

impl StateFile {
    pub(crate) fn new(path: PathBuf, address: Option<String>) -> Self {
        Self {
            path,
            address,
            last: Mutex::new(None),
        }
    }

    /// Writes a phase. A failure stays: nothing comes after it.
    pub(crate) fn set(&self, phase: Phase, message: Option<&str>) -> Result<(), ScorerError> {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last == Some(Phase::Failed) {
            return Ok(());
        }
        let message = message.map(|it| &it[..it.floor_char_boundary(LONGEST_MESSAGE)]);
        let content = Content {
            phase,
            message,
            pid: std::process::id(),
            address: self.address.as_deref(),
        };
        let wrong = |source| ScorerError::io(format!("state file {}", self.path.display()), source);
        let text = serde_json::to_vec(&content).map_err(|error| wrong(error.into()))?;
        let beside = self.path.with_extension("json.new");
        fs::write(&beside, text).map_err(wrong)?;
        fs::rename(&beside, &self.path).map_err(wrong)?;
        *last = Some(phase);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_final_and_long_messages_are_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        let state = StateFile::new(path.clone(), Some("127.0.0.1:1".to_owned()));
        state.set(Phase::Starting, None).expect("written");
        state
            .set(Phase::Failed, Some(&"é".repeat(5000)))
            .expect("written");
        state.set(Phase::Ready, None).expect("ignored");
        let text = fs::read(&path).expect("there");
        let value: serde_json::Value = serde_json::from_slice(&text).expect("json");
        assert_eq!(value["phase"], "failed");
        assert_eq!(value["address"], "127.0.0.1:1");
        assert_eq!(value["message"].as_str().expect("text").len(), 4096);
    }
}
