//! JSON as `az deployment group` sends it: the text of a template file, comments and
//! all, behind a key without quotes.
//!
//! Beside JSON it takes `//` and `/* */` comments and keys that are plain words.
//! Whatever is JSON means the same as to every other parser: strings, numbers and
//! words are read by serde_json, and of two members of one name the later counts.

use serde_json::{Map, Value};
use wharf_core::finding::Finding;

/// Reads `text`, in which objects and lists may nest `depth` levels.
///
/// # Errors
/// A finding that says where the text goes wrong.
pub fn parse(text: &str, depth: usize) -> Result<Value, Finding> {
    let mut reader = Reader { text, at: 0 };
    let read = reader.value(depth).and_then(|value| {
        reader.skip()?;
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.expected("the end")),
        }
    });
    read.map_err(|Wrong { at, why }| {
        let before = &text.as_bytes()[..at.min(text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n');
        let column = at - start.map_or(0, |start| start + 1) + 1;
        Finding::new("body", format!("line {line}, column {column}: {why}"))
    })
}

struct Wrong {
    at: usize,
    why: String,
}

type Read<T> = Result<T, Wrong>;

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

impl<'a> Reader<'a> {
    fn wrong(&self, why: impl Into<String>) -> Wrong {
        Wrong {
            at: self.at,
            why: why.into(),
        }
    }

    fn expected(&self, what: &str) -> Wrong {
        match self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
        {
            None => self.wrong(format!("the text ends where {what} should be")),
            Some(found) => self.wrong(format!("{what} should be here, not {found:?}")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Read<()> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'/') if self.rest().starts_with(b"//") => {
                    let end = self.rest().iter().position(|byte| *byte == b'\n');
                    self.at += end.unwrap_or(self.rest().len());
                }
                Some(b'/') if self.rest().starts_with(b"/*") => {
                    let end = self.rest()[2..].windows(2).position(|pair| pair == b"*/");
                    let end = end.ok_or_else(|| self.wrong("this comment has no end"))?;
                    self.at += end + 4;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Skips to `byte` and over it, if it is next.
    fn takes(&mut self, byte: u8) -> Read<bool> {
        self.skip()?;
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        Ok(is_there)
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        self.skip()?;
        match self.peek() {
            Some(b'{' | b'[') if depth == 0 => Err(self.wrong("nests too deep")),
            Some(b'{') => self.object(depth - 1),
            Some(b'[') => self.list(depth - 1),
            Some(b'"') => self.string().map(Value::String),
            Some(_) => self.scalar(),
            None => Err(self.expected("a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        self.at += 1;
        let mut members = Map::new();
        if self.takes(b'}')? {
            return Ok(Value::Object(members));
        }
        loop {
            let key = self.key()?;
            if !self.takes(b':')? {
                return Err(self.expected("`:`"));
            }
            members.insert(key, self.value(depth)?);
            if self.takes(b'}')? {
                return Ok(Value::Object(members));
            }
            if !self.takes(b',')? {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Read<Value> {
        self.at += 1;
        let mut items = Vec::new();
        if self.takes(b']')? {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.takes(b']')? {
                return Ok(Value::Array(items));
            }
            if !self.takes(b',')? {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn key(&mut self) -> Read<String> {
        self.skip()?;
        match self.peek() {
            Some(b'"') => self.string(),
            Some(byte) if is_word(byte) && !byte.is_ascii_digit() => Ok(self.word().to_owned()),
            _ => Err(self.expected("a key")),
        }
    }

    fn word(&mut self) -> &'a str {
        let start = self.at;
        let length = self
            .rest()
            .iter()
            .take_while(|byte| is_word(**byte))
            .count();
        self.at += length;
        &self.text[start..self.at]
    }

    fn string(&mut self) -> Read<String> {
        let start = self.at;
        let mut escaped = false;
        let length = self.rest()[1..].iter().position(|byte| {
            let is_end = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            is_end
        });
        let length = length.ok_or_else(|| self.wrong("this text has no closing quote"))?;
        self.at += length + 2;
        self.read(start)
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Read<Value> {
        let start = self.at;
        let is_part = |byte: &&u8| is_word(**byte) || matches!(**byte, b'-' | b'+' | b'.');
        let length = self.rest().iter().take_while(is_part).count();
        if length == 0 {
            return Err(self.expected("a value"));
        }
        self.at += length;
        self.read(start)
    }

    fn read<T: serde::de::DeserializeOwned>(&self, start: usize) -> Read<T> {
        serde_json::from_str(&self.text[start..self.at]).map_err(|_| Wrong {
            at: start,
            why: "this is not a JSON value".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::Config};
    use serde_json::json;

    use super::*;

    /// Cases of the comparison with serde_json: `WHARF_CASES=1000000` for the full one.
    fn cases() -> u32 {
        let asked = std::env::var("WHARF_CASES").ok();
        asked.and_then(|text| text.parse().ok()).unwrap_or(2_000)
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z ]{0,6}",
            ".{0,6}",
            // What looks like the grammar around it.
            "[/*\\\\\"{}:,\\[\\]\n\u{0}-\u{1f}]{0,8}",
            prop::collection::vec(any::<char>(), 0..4).prop_map(|it| it.into_iter().collect()),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((text(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Puts one of `fillers` between the tokens of JSON.
    fn spread(json: &str, fillers: &[String]) -> String {
        let (mut spread, mut in_string, mut escaped) = (String::new(), false, false);
        for (index, c) in json.chars().enumerate() {
            let filler = &fillers[index % fillers.len()];
            let is_mark = !in_string && matches!(c, '{' | '}' | '[' | ']' | ':' | ',');
            if is_mark {
                spread.push_str(filler);
            }
            spread.push(c);
            if is_mark {
                spread.push_str(filler);
            }
            if in_string {
                in_string = escaped || c != '"';
                escaped = c == '\\' && !escaped;
            } else {
                in_string = c == '"';
            }
        }
        spread
    }

    proptest! {
        #![proptest_config(Config::with_cases(cases()))]

        #[test]
        fn json_means_what_it_means_to_serde_json(value in value(), pretty in any::<bool>()) {
            let text = if pretty {
                serde_json::to_string_pretty(&value)
            } else {
                serde_json::to_string(&value)
            };
            let text = text.expect("JSON");
            let expected: Value = serde_json::from_str(&text).expect("JSON");
            prop_assert_eq!(parse(&text, 64).expect("the same"), expected);
        }

        #[test]
        fn comments_between_tokens_change_nothing(
            value in value(),
            comments in prop::collection::vec("(//[^\n]{0,5}\n|/\\*[^*]{0,5}\\*/|[ \t\n]{0,2})", 1..5),
        ) {
            let text = value.to_string();
            let expected: Value = serde_json::from_str(&text).expect("JSON");
            prop_assert_eq!(parse(&spread(&text, &comments), 64).expect("the same"), expected);
        }

        #[test]
        fn no_text_panics_and_what_serde_json_reads_is_read(text in "[\\[\\]{}:,\"\\\\a0-9eE+./* \n-]{0,40}") {
            let ours = parse(&text, 64);
            if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(ours.expect("JSON"), theirs);
            }
        }
    }

    #[test]
    fn the_body_that_az_sends() {
        let text = r#"{"properties": {"parameters": {"count": {"value": 4}}, "mode": "Incremental", template:{
            // What it makes.
            "resources": [ /* none // yet */ ],
            "url": "https://x/*y*/" } }}"#;
        let value = parse(text, 64).expect("well formed");
        assert_eq!(value["properties"]["template"]["resources"], json!([]));
        assert_eq!(
            value["properties"]["template"]["url"],
            json!("https://x/*y*/")
        );
    }

    #[test]
    fn of_two_members_the_later_counts() {
        let text = r#"{"a": 1, "b": 2, "a": 3}"#;
        let theirs: Value = serde_json::from_str(text).expect("JSON");
        let ours = parse(text, 64).expect("JSON");
        assert_eq!(ours.to_string(), theirs.to_string());
    }

    #[test]
    fn what_is_wrong_is_placed() {
        for (text, place) in [
            ("", "line 1, column 1: the text ends"),
            (
                "{\n  \"a\" 1}",
                "line 2, column 7: `:` should be here, not '1'",
            ),
            ("{\"a\": 1,}", "column 9: a key"),
            ("[1 2]", "column 4: `,` or `]`"),
            ("[1, x]", "column 5: this is not a JSON value"),
            ("\"a", "column 1: this text has no closing quote"),
            ("/* a", "column 1: this comment has no end"),
            ("{'a': 1}", "column 2: a key"),
            ("{} {}", "column 4: the end should be here"),
            ("[\"\\ud800\"]", "column 2: this is not a JSON value"),
            ("é", "a value should be here, not 'é'"),
        ] {
            let message = parse(text, 64).expect_err(text).message;
            assert!(message.contains(place), "{text}: {message}");
        }
    }

    #[test]
    fn depth_is_bounded_before_the_stack_is() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(&nested(64), 64).is_ok());
        for depth in [65, 100_000] {
            let finding = parse(&nested(depth), 64).expect_err("too deep");
            assert!(finding.message.contains("nests too deep"), "{finding}");
        }
    }
}
