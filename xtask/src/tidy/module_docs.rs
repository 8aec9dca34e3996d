//! Every Rust module begins with `//!`: what it is, in a sentence.

use crate::{finding::Finding, workspace::TextFile};

pub(super) fn check(file: &TextFile) -> Option<Finding> {
    if !file.is_rust() {
        return None;
    }
    // An attribute of the whole file may stand before it.
    let first = file
        .lines()
        .find(|(_, line)| !line.trim().is_empty() && !line.starts_with("#!["));
    match first {
        Some((_, line)) if line.starts_with("//!") && line.trim() != "//!" => None,
        other => Some(Finding::new(
            &file.path,
            other.map_or(1, |(number, _)| number),
            "a module without `//!`; begin with a sentence that says what it is",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::sample;

    #[test]
    fn wants_a_sentence_first() {
        assert!(check(&sample("a.rs", "//! What it is.\nfn a() {}\n")).is_none());
        assert!(check(&sample("a.rs", "#![allow(x)]\n\n//! What it is.\n")).is_none());
        let finding = check(&sample("a.rs", "\nuse b;\n//! Late.\n")).expect("no doc first");
        assert_eq!(finding.line, 2);
    }

    #[test]
    fn an_empty_sentence_is_none() {
        assert!(check(&sample("a.rs", "//!\nfn a() {}\n")).is_some());
        assert!(check(&sample("a.rs", "")).is_some());
    }

    #[test]
    fn other_files_are_free() {
        assert!(check(&sample("a.py", "import b\n")).is_none());
    }
}
