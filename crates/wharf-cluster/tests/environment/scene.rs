//! A folder of environments, a `uv` that notes its calls, and a log.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use wharf_cluster::{UvEnvironments, UvSettings};
use wharf_core::environment::{
    BuildLog, BuiltEnvironment, CondaDependency, CondaSpec, EnvironmentBuilder as _,
    EnvironmentError, EnvironmentSpec, PythonSection,
};

/// Longest that anything may take here.
const PATIENCE: Duration = Duration::from_secs(100);

/// Takes lines and keeps them.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

impl BuildLog for Lines {
    fn line(&self, text: &str) {
        self.0.lock().expect("not poisoned").push(text.to_owned());
    }
}

impl Lines {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").clone()
    }

    pub(crate) fn assert_has(&self, part: &str) {
        let all = self.all();
        assert!(all.iter().any(|it| it.contains(part)), "{part}: {all:#?}");
    }
}

/// Where a test plays.
pub(crate) struct Scene {
    scratch: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            scratch: tempfile::tempdir().expect("a folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Settings with a `uv` that notes its calls, and stops after the call `block`.
    pub(crate) fn settings(&self, block: &str) -> UvSettings {
        let mut settings = settings(&self.path("environments"));
        settings.uv = Some(noting_uv(self.scratch.path(), block));
        settings
    }

    pub(crate) fn start(&self) -> UvEnvironments {
        UvEnvironments::new(self.settings("")).expect("opens")
    }

    /// How often `uv` was called with this first word.
    pub(crate) fn calls(&self, command: &str) -> usize {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        let calls = calls.lines().filter(|line| line.starts_with(command));
        calls.count()
    }

    /// Waits until `uv` has stopped; the processes that hang there.
    pub(crate) fn blocked(&self) -> Vec<i32> {
        let file = self.path("blocked");
        eventually("uv stops", || file.exists());
        let text = fs::read_to_string(&file).expect("pids");
        let pids = text
            .split_whitespace()
            .map(|pid| pid.parse().expect("a pid"));
        pids.collect()
    }

    /// Folders of builds that are under way or were left.
    pub(crate) fn work(&self) -> usize {
        let work = self.path("environments/work");
        fs::read_dir(work).expect("the folder").count()
    }

    pub(crate) fn environments(&self) -> usize {
        let folder = self.path("environments/environments");
        fs::read_dir(folder).expect("the folder").count()
    }
}

/// Waits for a condition.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process runs; a dead one that nobody collected does not.
pub(crate) fn is_running(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|it| it.trim().chars().next());
    state.is_some_and(|it| it != 'Z' && it != 'X')
}

/// What the machine says of its network, interpreters and index.
fn variables() -> Vec<(String, String)> {
    const KEPT: &[&str] = &[
        "PATH",
        "HOME",
        "PYENV_ROOT",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    std::env::vars()
        .filter(|(name, _)| {
            KEPT.contains(&name.as_str())
                || name.starts_with("PIP_")
                || name.starts_with("UV_")
                || name.to_ascii_lowercase().ends_with("_proxy")
        })
        .collect()
}

pub(crate) fn settings(root: &Path) -> UvSettings {
    let mut settings = UvSettings::new(root);
    settings.environment = variables();
    settings.limits.least_free_bytes = 64 << 20;
    settings
}

/// `uv` as the builder installs it, once for all tests of this build.
fn real_uv() -> PathBuf {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("environment-uv");
    fs::create_dir_all(&shared).expect("a folder");
    let lock = File::create(shared.join("lock")).expect("a file");
    lock.lock().expect("a lock");
    let uv = shared.join("bin/uv");
    if !uv.exists() {
        let venv = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&shared)
            .output();
        assert!(venv.expect("python3").status.success());
        let pip = Command::new(shared.join("bin/pip"))
            .args(["install", "-q", "uv==0.13.9"])
            .output()
            .expect("pip");
        assert!(pip.status.success(), "{pip:?}");
    }
    uv
}

fn noting_uv(folder: &Path, block: &str) -> PathBuf {
    let path = folder.join("uv");
    let (real, folder) = (real_uv(), folder.display());
    let text = format!(
        "#!/bin/sh\n\
         echo \"$1 $2\" >> '{folder}/calls'\n\
         [ \"$1 $2\" = '{block}' ] || exec '{real}' \"$@\"\n\
         '{real}' \"$@\"\n\
         sleep 1000 &\n\
         echo \"$$ $!\" > '{folder}/new' && mv '{folder}/new' '{folder}/blocked'\n\
         wait\n",
        real = real.display()
    );
    fs::write(&path, text).expect("write");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    path
}

/// An environment of conda lines and pip lines.
pub(crate) fn spec(conda: &[&str], pip: &[&str]) -> EnvironmentSpec {
    let mut dependencies: Vec<_> = conda
        .iter()
        .map(|line| CondaDependency::Conda((*line).to_owned()))
        .collect();
    let pip = pip.iter().map(|line| (*line).to_owned()).collect();
    dependencies.push(CondaDependency::Pip(pip));
    EnvironmentSpec {
        python: PythonSection {
            conda: CondaSpec {
                channels: Vec::new(),
                dependencies,
            },
            ..PythonSection::default()
        },
        ..EnvironmentSpec::default()
    }
}

pub(crate) async fn build(
    environments: &UvEnvironments,
    spec: &EnvironmentSpec,
) -> (Result<BuiltEnvironment, EnvironmentError>, Lines) {
    let log = Lines::default();
    let built = environments.build(spec, &log).await;
    (built, log)
}

/// What the environment's interpreter prints.
pub(crate) fn python(built: &BuiltEnvironment, script: &str) -> String {
    let mut command = Command::new(&built.python);
    let output = command
        .args(["-I", "-c", script])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}
