//! Programs that Wharf uses.

use std::{process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use super::{Finding, Report};

/// Longest time for a program to answer; a Python that loads the SDK takes seconds.
const PATIENCE: Duration = Duration::from_secs(20);

struct Program {
    name: &'static str,
    version: &'static [&'static str],
    /// What does not work without it.
    need: &'static str,
    advice: &'static str,
}

const PROGRAMS: [Program; 1] = [Program {
    name: "uv",
    version: &["--version"],
    need: "the server builds environments with it, and installs its own when it needs it",
    advice: "pip install uv, on the machine that runs the server",
}];

/// Looks for each program and asks for its version.
pub(crate) async fn check(report: &mut Report) {
    for program in &PROGRAMS {
        let finding = match run(program.name, program.version).await {
            Ok(text) => {
                let line = text.lines().map(str::trim).find(|line| !line.is_empty());
                Finding::ok(program.name, line.unwrap_or("is there").to_owned())
            }
            Err(why) => Finding::note(program.name, format!("{why}; {}", program.need))
                .with_advice(program.advice),
        };
        report.add(finding);
    }
}

/// What a program prints.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(PATIENCE, output).await {
        Err(_) => Err(format!("it says nothing for {} s", PATIENCE.as_secs())),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Err("it is not on the PATH".to_owned())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(output)) if !output.status.success() => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
            Err(last.unwrap_or("it fails without a word").to_owned())
        }
        Ok(Ok(output)) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}
