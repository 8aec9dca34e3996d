//! The Python that runs the scripts: is the SDK there, and does it trust the
//! server?

use std::path::Path;

use super::{Finding, Report, programs::run};
use crate::session::Session;

/// Prints the versions of Python and of the clients, one a line.
const VERSIONS: &str = "\
import platform
print('Python', platform.python_version())
try:
    from importlib.metadata import version, PackageNotFoundError
except ImportError:
    raise SystemExit('it has no importlib.metadata: Python 3.8 or newer is needed')
for name in ('azureml-core', 'requests'):
    try:
        print(name, version(name))
    except PackageNotFoundError:
        print(name, '-')
";

/// Shakes hands with the server as `ssl` and then `requests` do by default.
const TRUST: &str = "\
import sys, urllib.request
url = sys.argv[1]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(url, timeout=10).read()
try:
    import requests
except ImportError:
    raise SystemExit(0)
session = requests.Session()
session.get(url, timeout=10).raise_for_status()
";

/// Asks one interpreter.
pub(crate) async fn check(python: Option<&Path>, session: Option<&Session>, report: &mut Report) {
    let python = python.map_or_else(|| "python3".into(), Path::to_string_lossy);
    let versions = match run(&python, &["-c", VERSIONS]).await {
        Ok(versions) => versions,
        Err(why) => {
            report.add(
                Finding::note("python", format!("`{python}`: {why}"))
                    .with_advice("say which one runs your scripts with `--python`"),
            );
            return;
        }
    };
    for line in versions.lines() {
        let finding = match line.split_once(' ') {
            Some((name @ "azureml-core", "-")) => {
                Finding::note("python", format!("`{python}` has no {name}")).with_advice(format!(
                    "{python} -m pip install azureml-core==1.61.0.post4"
                ))
            }
            Some((_, "-")) => continue,
            _ => Finding::ok("python", line.to_owned()),
        };
        report.add(finding);
    }
    let Some(session) = session else {
        return;
    };
    let url = format!(
        "{}{}",
        session.server_url,
        crate::environment::METADATA_PATH
    );
    report.add(match run(&python, &["-c", TRUST, &url]).await {
        Ok(_) => Finding::ok("python", "its `ssl` and `requests` trust the server"),
        Err(why) => Finding::note("python", format!("it cannot read {url}: {why}"))
            .with_advice("run `eval \"$(wharf env)\"` in the shell that runs your scripts"),
    });
}
