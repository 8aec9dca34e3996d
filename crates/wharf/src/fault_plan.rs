//! Debug builds only: ends this process as `kill -9` would, where a test says so.
//!
//! `WHARF_FAULT=POINT` at the first pass of a point, `WHARF_FAULT=POINT:N` at the
//! N-th; `WHARF_FAULT=list` prints all points.

use std::{
    io::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::process::{Signal, getpid, kill_process};
use wharf_core::fault;

use crate::error::StartError;

const VARIABLE: &str = "WHARF_FAULT";

/// What the variable asks for.
enum Asked {
    Nothing,
    List,
    Kill { point: &'static str, pass: u64 },
}

fn points() -> impl Iterator<Item = &'static str> {
    [
        wharf_store::FAULT_POINTS,
        wharf_control::FAULT_POINTS,
        wharf_cluster::FAULT_POINTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

fn asked(value: Option<&str>) -> Result<Asked, StartError> {
    let refuse = |why: String| StartError::Setting {
        option: VARIABLE,
        why,
    };
    let (name, pass) = match value {
        None | Some("") => return Ok(Asked::Nothing),
        Some("list") => return Ok(Asked::List),
        Some(text) => text.split_once(':').unwrap_or((text, "1")),
    };
    let point = points().find(|point| *point == name);
    let point = point.ok_or_else(|| refuse(format!("`{name}` is no fault point")))?;
    match pass.parse() {
        Ok(pass @ 1..) => Ok(Asked::Kill { point, pass }),
        _ => Err(refuse(format!("`{pass}` does not count passes from 1 on"))),
    }
}

/// Does what the variable asks for. True when the server is not to be started.
pub(crate) fn install() -> Result<bool, StartError> {
    let value = std::env::var(VARIABLE).ok();
    match asked(value.as_deref())? {
        Asked::Nothing => Ok(false),
        Asked::List => {
            let lines: String = points().map(|point| format!("{point}\n")).collect();
            let written = std::io::stdout().write_all(lines.as_bytes());
            written.map_err(|error| StartError::Part(error.to_string()))?;
            Ok(true)
        }
        Asked::Kill { point, pass } => {
            tracing::warn!(point, pass, "this server is to be killed by a test");
            let passed = AtomicU64::new(0);
            fault::install(move |reached| {
                if reached == point && passed.fetch_add(1, Ordering::SeqCst) + 1 == pass {
                    tracing::error!(point, "killed by a test");
                    // There is nobody left to be told of an error.
                    let _ = kill_process(getpid(), Signal::KILL);
                }
            });
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_one_of_the_list() {
        assert!(matches!(asked(None), Ok(Asked::Nothing)));
        assert!(matches!(asked(Some("list")), Ok(Asked::List)));
        let Ok(Asked::Kill { point, pass }) = asked(Some("WriterCommitted:7")) else {
            panic!("a point of the store");
        };
        assert_eq!((point, pass), ("WriterCommitted", 7));
        for bad in ["Nowhere", "WriterCommitted:0", "WriterCommitted:x"] {
            assert!(asked(Some(bad)).is_err(), "{bad}");
        }
        let mut names: Vec<_> = points().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a name is used twice");
    }
}
