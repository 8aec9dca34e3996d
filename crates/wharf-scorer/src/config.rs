//! What a replica is told: one JSON file, read once at the start.
//!
//! The file is written by whoever starts the scorer. The scorer knows nothing of
//! the rest of Wharf, so the shape is described here and nowhere else.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use crate::{environment::BUILT_IN_SCRIPTS, error::ScorerError};

/// Largest configuration file, in bytes.
const LARGEST: u64 = 4 << 20;
/// Most Python workers of one replica. Each holds a copy of the model.
pub const MOST_WORKERS: u32 = 64;

/// The configuration of one replica.
#[derive(Debug, Clone, Deserialize)]
pub struct ReplicaConfig {
    /// Name of the replica; scripts see it as `HOSTNAME`.
    pub replica: String,
    /// Name of the service; scripts see it as `SERVICE_NAME`.
    pub service_name: String,
    /// Version of the deployment; scripts see it as `SERVICE_VERSION`.
    pub service_version: String,
    /// Where to listen.
    pub listen: Listen,
    /// Working directory of the script, `AML_APP_ROOT`. Absolute.
    pub app_root: PathBuf,
    /// `AZUREML_MODEL_DIR`. Absolute.
    pub model_dir: PathBuf,
    /// The script with `init` and `run`, relative to `app_root`. Without one the
    /// module `main` is imported, which is what the SDK's driver is called.
    pub entry_script: Option<String>,
    /// A script of ours instead, by its name in [`crate::BUILT_IN_SCRIPTS`].
    #[serde(default)]
    pub built_in_script: Option<String>,
    /// `AZUREML_SOURCE_DIRECTORY`: a folder below `app_root` to import from.
    pub source_directory: Option<String>,
    /// The interpreter.
    pub python: PathBuf,
    /// Python processes, which is also how many requests run at once.
    pub workers: u32,
    /// How long `run` may take, in milliseconds. 0 means without limit.
    pub scoring_timeout_ms: u64,
    /// How long running requests get once the scorer is told to end, in
    /// milliseconds. Whoever kills it afterwards has to wait longer.
    pub drain_ms: u64,
    /// The user's variables.
    #[serde(default)]
    pub environment_variables: BTreeMap<String, String>,
    /// Where prints, tracebacks and our own lines go.
    pub log_file: PathBuf,
    /// Size at which the log is rotated, in bytes.
    pub log_max_bytes: u64,
    /// Rotated logs that are kept.
    pub log_keep: u32,
    /// Where the scorer says how it is; see [`crate::Phase`].
    pub state_file: PathBuf,
    /// Lines for the top of the log.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Largest request body, in bytes.
    pub max_body_bytes: u64,
    /// Address space of each worker, in bytes.
    pub address_space_bytes: Option<u64>,
}

/// Where a replica listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Listen {
    /// A socket file; an old one is replaced.
    Unix(PathBuf),
    /// An address such as `127.0.0.1:0`.
    Tcp(String),
}

impl ReplicaConfig {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`ScorerError::Config`] names the field and what would be right.
    pub fn read(path: &Path) -> Result<Self, ScorerError> {
        let wrong = |reason: String| ScorerError::Config {
            path: path.to_owned(),
            reason,
        };
        let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, LARGEST + 1), &mut text)
            .map_err(|error| wrong(error.to_string()))?;
        if text.len() as u64 > LARGEST {
            return Err(wrong(format!("larger than {LARGEST} bytes")));
        }
        let config: Self =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        config.check().map_err(wrong)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let paths = [
            ("app_root", &self.app_root),
            ("model_dir", &self.model_dir),
            ("log_file", &self.log_file),
            ("state_file", &self.state_file),
        ];
        for (field, path) in paths {
            if !path.is_absolute() {
                return Err(format!("{field} must be an absolute path"));
            }
        }
        if self.workers == 0 || self.workers > MOST_WORKERS {
            return Err(format!("workers must be 1 to {MOST_WORKERS}"));
        }
        if let Some(name) = &self.built_in_script
            && !BUILT_IN_SCRIPTS.contains(&name.as_str())
        {
            return Err(format!(
                "built_in_script: {name:?} must be one of {}",
                BUILT_IN_SCRIPTS.join(", ")
            ));
        }
        for (name, value) in &self.environment_variables {
            let is_bad = name.is_empty() || name.contains(['=', '\0']) || value.contains('\0');
            if is_bad {
                return Err(format!(
                    "environment_variables: {name:?} cannot be a variable of a process"
                ));
            }
        }
        Ok(())
    }

    /// How long `run` may take; `None` means without limit.
    #[must_use]
    pub fn scoring_timeout(&self) -> Option<Duration> {
        (self.scoring_timeout_ms > 0).then(|| Duration::from_millis(self.scoring_timeout_ms))
    }

    /// How long running requests get once the scorer is told to end.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: impl FnOnce(&mut serde_json::Value)) -> Result<ReplicaConfig, ScorerError> {
        let mut value = serde_json::json!({
            "replica": "d3f-0", "service_name": "iris", "service_version": "1",
            "listen": {"unix": "/run/a.sock"}, "app_root": "/app",
            "model_dir": "/app/azureml-models/iris/1", "entry_script": "score.py",
            "source_directory": null, "python": "/usr/bin/python3", "workers": 1,
            "scoring_timeout_ms": 60000, "drain_ms": 65000, "environment_variables": {"A": "b"},
            "log_file": "/r/replica.log", "log_max_bytes": 10, "log_keep": 3,
            "state_file": "/r/state.json", "notices": [], "max_body_bytes": 100,
            "address_space_bytes": null
        });
        change(&mut value);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.json");
        std::fs::write(&path, value.to_string()).expect("written");
        ReplicaConfig::read(&path)
    }

    #[test]
    fn reads_what_the_backend_writes() {
        let config = read(|_| ()).expect("read");
        assert_eq!(config.scoring_timeout(), Some(Duration::from_secs(60)));
        assert_eq!(config.drain(), Duration::from_secs(65));
        assert!(matches!(config.listen, Listen::Unix(path) if path.ends_with("a.sock")));
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        let cases: [(&str, serde_json::Value, &str); 5] = [
            ("built_in_script", "tensorflow".into(), "must be one of"),
            ("workers", 0.into(), "workers must be 1 to 64"),
            ("app_root", "app".into(), "app_root must be an absolute"),
            ("listen", serde_json::json!({"pipe": 1}), "unknown variant"),
            (
                "environment_variables",
                serde_json::json!({"A=B": "c"}),
                "\"A=B\" cannot be",
            ),
        ];
        for (field, value, expected) in cases {
            let error = read(|config| config[field] = value).expect_err(field);
            assert!(error.to_string().contains(expected), "{field}: {error}");
        }
    }
}
