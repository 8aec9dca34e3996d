//! A workload on disk, in a form that later releases can read: the description with
//! the number of its format. Fields that are added later need a default, so that
//! the replicas of a server that is replaced go on.

use std::{io, path::Path};

use serde::Serialize;
use wharf_core::backend::Workload;

use super::files::{read_json, write_json};

/// The format that is written. A file without a number is of the first.
const FORMAT: u64 = 1;

#[derive(Serialize)]
struct Stored<'a> {
    format: u64,
    #[serde(flatten)]
    workload: &'a Workload,
}

/// Writes a description.
pub(super) fn write_workload(path: &Path, workload: &Workload) -> io::Result<()> {
    let format = FORMAT;
    write_json(path, &Stored { format, workload })
}

/// Reads a description; `None` when it is not there.
///
/// # Errors
/// When it cannot be read, or comes from a later release: a guess at what that
/// means could end what serves.
pub(super) fn read_workload(path: &Path) -> io::Result<Option<Workload>> {
    let Some(value) = read_json::<serde_json::Value>(path)? else {
        return Ok(None);
    };
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let format = value.get("format").map_or(Some(1), |it| it.as_u64());
    if format.is_none_or(|format| format > FORMAT) {
        return Err(invalid(format!("its format is not {FORMAT} or older")));
    }
    let workload = serde_json::from_value(value);
    workload
        .map(Some)
        .map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// As the first release wrote it. Never change it: add another one.
    const FIRST: &str = include_str!("stored/format_1.json");

    fn read(text: &str) -> io::Result<Option<Workload>> {
        let scratch = tempfile::tempdir()?;
        let path = scratch.path().join("workload.json");
        std::fs::write(&path, text)?;
        read_workload(&path)
    }

    /// Whether all of `part` is in `whole`.
    fn holds(whole: &Value, part: &Value) -> bool {
        match (whole, part) {
            (Value::Object(whole), Value::Object(part)) => part
                .iter()
                .all(|(name, value)| whole.get(name).is_some_and(|it| holds(it, value))),
            (whole, part) => whole == part,
        }
    }

    #[test]
    fn what_the_first_release_wrote_is_read() {
        let workload = read(FIRST).expect("read").expect("there");
        let first: Value = serde_json::from_str(FIRST).expect("JSON");
        let again = serde_json::to_value(&workload).expect("JSON");
        let mut expected = first.clone();
        let fields = expected.as_object_mut().expect("an object");
        fields.remove("format").expect("the format");
        assert!(holds(&again, &expected), "{again:#}");
        // Before there was a number, and before there were these.
        for field in ["format", "liveness", "notices"] {
            let mut older = first.clone();
            older.as_object_mut().expect("an object").remove(field);
            let workload = read(&older.to_string()).expect(field).expect("there");
            assert_eq!(
                serde_json::to_value(&workload.key).expect("JSON"),
                again["key"]
            );
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let workload = read(FIRST).expect("read").expect("there");
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("workload.json");
        write_workload(&path, &workload).expect("written");
        assert_eq!(read_workload(&path).expect("read"), Some(workload));
        let text = std::fs::read_to_string(&path).expect("read");
        assert!(text.starts_with(r#"{"format":1,"#), "{text}");
    }

    #[test]
    fn what_a_later_release_wrote_is_an_error() {
        let later = FIRST.replacen("\"format\": 1", "\"format\": 2", 1);
        assert_ne!(later, FIRST);
        let error = read(&later).expect_err("not for us");
        assert!(error.to_string().contains("not 1 or older"), "{error}");
        assert!(read("{}").is_err());
        assert!(read("").is_err());
    }
}
