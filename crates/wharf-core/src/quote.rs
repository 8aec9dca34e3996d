//! A client's text inside of a message: shortened, and on one line.
//!
//! What a client sent is repeated so that it recognises its own mistake. For that
//! its beginning is enough; the whole of it would let a request of megabytes ask
//! for an answer of many more.

use std::{borrow::Cow, fmt};

/// Most characters of a text that a message repeats.
pub const MOST_CHARACTERS: usize = 200;

/// Stands where something was left out.
const ELLIPSIS: char = '…';

/// A text between backticks: at most [`MOST_CHARACTERS`] of it, and control
/// characters as they are escaped in Rust.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        for (count, character) in self.0.chars().enumerate() {
            if count == MOST_CHARACTERS {
                write!(f, "{ELLIPSIS}")?;
                break;
            }
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        f.write_str("`")
    }
}

/// Bytes that a character takes inside of JSON text.
fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

/// Bytes that `text` takes inside of JSON text.
pub(crate) fn json_length(text: &str) -> usize {
    text.chars().map(json_bytes).sum()
}

/// The beginning of `text` that takes at most `most` bytes inside of JSON text,
/// with an ellipsis when that is not all of it.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    let room = most.saturating_sub(ELLIPSIS.len_utf8());
    let (mut taken, mut end) = (0, 0);
    for (place, character) in text.char_indices() {
        taken += json_bytes(character);
        if taken <= room {
            end = place + character.len_utf8();
        }
        if taken > most {
            return Cow::Owned(format!("{}{ELLIPSIS}", &text[..end]));
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_is_repeated_whole_and_on_one_line() {
        assert_eq!(Quoted("score.py").to_string(), "`score.py`");
        assert_eq!(Quoted("a\nb\0").to_string(), "`a\\nb\\u{0}`");
        assert_eq!(shortened("score.py", 8), "score.py");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let quoted = Quoted(&"ö".repeat(3_000_000)).to_string();
        assert_eq!(quoted, format!("`{}…`", "ö".repeat(MOST_CHARACTERS)));
        assert_eq!(shortened("öööö", 7), "öö…");
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_asked(text in ".{0,400}", most in 3usize..300) {
            let cut = shortened(&text, most);
            prop_assert!(json_length(&cut) <= most);
            let written = serde_json::to_string(&cut).expect("text");
            prop_assert!(written.len() <= json_length(&cut) + 2);
            prop_assert!(cut == text || cut.ends_with(ELLIPSIS));
        }
    }
}
