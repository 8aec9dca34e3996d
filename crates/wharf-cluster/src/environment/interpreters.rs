//! Which Pythons this machine has.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use tokio::task::JoinSet;

use super::{
    command::{Run, Silence},
    python::{Interpreter, Minor},
    settings::UvSettings,
};

const PROBE: &str = include_str!("probe.py");
/// Longest time for an interpreter to say what it is.
const LIMIT: Duration = Duration::from_secs(20);
/// Most programs that are asked.
const MOST: usize = 100;

/// What is installed.
#[derive(Debug, Clone, Default)]
pub(super) struct Installed {
    /// One for each language version, in the order of the search.
    pub(super) interpreters: Vec<Interpreter>,
    /// What `python3` on `PATH` is.
    pub(super) preferred: Option<Minor>,
}

/// Asks everything that looks like a Python: on `PATH`, in the usual folders, and
/// where version managers put them.
pub(super) async fn installed(settings: &UvSettings, variables: &[(String, String)]) -> Installed {
    let mut asked = JoinSet::new();
    for (index, program) in programs(settings).into_iter().take(MOST).enumerate() {
        let variables = variables.to_vec();
        let folder = settings.root.clone();
        asked.spawn(async move {
            let found = ask(&program, &folder, &variables).await;
            (index, program, found)
        });
    }
    let mut answers = asked.join_all().await;
    answers.sort_by_key(|(index, ..)| *index);
    let mut installed = Installed::default();
    let mut seen = HashSet::new();
    for (_, program, found) in answers {
        let Some(interpreter) = found else { continue };
        let minor = interpreter.minor();
        if program.ends_with("python3") && installed.preferred.is_none() {
            installed.preferred = Some(minor);
        }
        if seen.insert(minor) {
            installed.interpreters.push(interpreter);
        }
    }
    installed
}

/// What `program` says of itself; `None` when it is no Python that can be used.
pub(super) async fn ask(
    program: &Path,
    folder: &Path,
    variables: &[(String, String)],
) -> Option<Interpreter> {
    #[derive(Deserialize)]
    struct Answer {
        usable: bool,
        #[serde(flatten)]
        interpreter: Interpreter,
    }
    let run = Run {
        step: "interpreter",
        program,
        arguments: vec!["-I".into(), "-c".into(), PROBE.into()],
        folder,
        variables,
        limit: LIMIT,
        least_free: 0,
    };
    let output = run.run(&Silence).await.ok()?;
    let last = output.lines.last().filter(|_| output.status.success())?;
    let answer: Answer = serde_json::from_str(last).ok()?;
    answer.usable.then_some(answer.interpreter)
}

/// Programs that may be Pythons; each file once.
fn programs(settings: &UvSettings) -> Vec<PathBuf> {
    let path = settings.variable("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(path).collect();
    folders.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    let home = settings.variable("HOME").map(PathBuf::from);
    let managed = [
        settings
            .variable("PYENV_ROOT")
            .map(|it| PathBuf::from(it).join("versions")),
        home.as_ref().map(|it| it.join(".pyenv/versions")),
        home.as_ref().map(|it| it.join(".asdf/installs/python")),
        home.as_ref()
            .map(|it| it.join(".local/share/mise/installs/python")),
        home.as_ref().map(|it| it.join(".local/share/uv/python")),
    ];
    for versions in managed.into_iter().flatten() {
        let mut found: Vec<_> = entries(&versions).map(|it| it.join("bin")).collect();
        // Of two patches of one version the newer one.
        found.sort();
        found.reverse();
        folders.extend(found);
    }
    let mut seen = HashSet::new();
    let mut programs = Vec::new();
    for folder in folders.iter().filter(|it| it.is_absolute()) {
        let mut found: Vec<_> = entries(folder).filter(|it| is_python(it)).collect();
        found.sort();
        for program in found {
            // Version managers put a script for each version on `PATH`, slow and mostly
            // without an interpreter behind it; theirs are found below. `python3` is
            // asked, for it says which one the user means.
            if !program.ends_with("python3") && is_script(&program) {
                continue;
            }
            // One name may be a link to the other.
            if fs::canonicalize(&program).is_ok_and(|it| seen.insert(it)) {
                programs.push(program);
            }
        }
    }
    programs
}

fn is_script(program: &Path) -> bool {
    let mut start = [0; 2];
    let file = fs::File::open(program);
    let read = file.and_then(|mut file| io::Read::read_exact(&mut file, &mut start));
    read.is_ok() && start == *b"#!"
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// `python3` and `python3.11`, not `python3-config`.
fn is_python(program: &Path) -> bool {
    let name = program.file_name().and_then(|it| it.to_str());
    let rest = name.and_then(|it| it.strip_prefix("python3"));
    rest.is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('.')
                .is_some_and(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_names_of_interpreters() {
        for (name, is_it) in [
            ("/usr/bin/python3", true),
            ("/usr/bin/python3.12", true),
            ("/usr/bin/python3.12-config", false),
            ("/usr/bin/python3-config", false),
            ("/usr/bin/python", false),
            ("/usr/bin/python3.", false),
        ] {
            assert_eq!(is_python(Path::new(name)), is_it, "{name}");
        }
    }

    #[tokio::test]
    async fn asks_only_what_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = which_python();
        std::os::unix::fs::symlink(real, folder.path().join("python3")).expect("link");
        for (name, script) in [
            ("python3.98", "not a program"),
            ("python3.99", "#!/bin/sh\necho '{}'\n"),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, script).expect("write");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&path, mode).expect("executable");
        }
        let mut settings = UvSettings::new(folder.path());
        let path = folder.path().to_string_lossy().into_owned();
        settings.environment = vec![("PATH".into(), path)];
        let found = installed(&settings, &settings.environment).await;
        let first = found.interpreters.first().expect("one");
        assert_eq!(found.preferred, Some(first.minor()));
        assert!(first.path.is_absolute() && first.minor() >= Minor(3, 6));
        assert!(
            found
                .interpreters
                .iter()
                .all(|it| it.minor() < Minor(3, 98))
        );
    }

    fn which_python() -> PathBuf {
        let script = "import sys; print(sys.executable)";
        let output = std::process::Command::new("python3")
            .args(["-c", script])
            .output();
        let output = output.expect("python3 is there").stdout;
        PathBuf::from(String::from_utf8(output).expect("a path").trim())
    }
}
