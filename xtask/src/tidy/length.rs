//! A file has one noun or one phase: 600 lines at most, a note from 400 on.

use crate::{finding::Finding, workspace::TextFile};

/// More than this and a newcomer is lost.
const MOST_LINES: usize = 600;
/// From here on, look for the second noun.
const MANY_LINES: usize = 400;

fn count(file: &TextFile) -> Option<usize> {
    let is_source = file.is_rust() || file.path.ends_with(".py");
    is_source.then(|| file.text.lines().count())
}

/// Tables of tests may be long: cutting them helps nobody.
fn is_table(file: &TextFile) -> bool {
    file.is_test() && file.path.ends_with("table.rs")
}

pub(super) fn check(file: &TextFile) -> Option<Finding> {
    let lines = count(file)?;
    (lines > MOST_LINES && !is_table(file)).then(|| {
        Finding::new(
            &file.path,
            MOST_LINES + 1,
            format!(
                "{lines} lines, at most {MOST_LINES}; move the second noun to a file of its own"
            ),
        )
    })
}

pub(super) fn note(file: &TextFile) -> Option<String> {
    let lines = count(file)?;
    (lines > MANY_LINES && lines <= MOST_LINES)
        .then(|| format!("{}: {lines} lines, look for the second noun", file.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn counts_lines_of_sources() {
        let long = sample("crates/a/src/b.rs", &"x\n".repeat(601));
        assert_eq!(check(&long).expect("too long").line, 601);
        assert!(check(&sample("crates/a/src/b.rs", &"x\n".repeat(600))).is_none());
        assert!(check(&sample("e2e/sdk_v1/test_a.py", &"x\n".repeat(601))).is_some());
    }

    #[test]
    fn leaves_prose_and_tables_alone() {
        assert!(check(&sample("docs/a.md", &"x\n".repeat(900))).is_none());
        assert!(check(&sample("crates/a/tests/it/table.rs", &"x\n".repeat(900))).is_none());
    }

    #[test]
    fn notes_what_grows() {
        assert!(note(&sample("crates/a/src/b.rs", &"x\n".repeat(401))).is_some());
        assert!(note(&sample("crates/a/src/b.rs", &"x\n".repeat(400))).is_none());
    }
}
