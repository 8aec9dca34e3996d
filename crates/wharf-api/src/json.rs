//! JSON bodies: bounded in depth, and told by field what is wrong with them.

use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// Reads `bytes` as a `T`.
///
/// # Errors
/// 400 that names the place in the text, or the field with a wrong type.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], depth: usize) -> Result<T, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::field("body", "is missing; send a JSON document"));
    }
    if is_deeper(bytes, depth) {
        return Err(Refusal::field(
            "body",
            format!("nests deeper than {depth} levels"),
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() && path != "." {
            Refusal::field(path, without_place(&inner))
        } else {
            Refusal::field("body", format!("is not the JSON expected: {inner}"))
        }
    })?;
    deserializer
        .end()
        .map_err(|error| Refusal::field("body", format!("is not JSON: {error}")))?;
    Ok(value)
}

/// What serde says, without the line and column that a field's name makes useless.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Whether brackets outside of strings nest deeper than `limit`.
fn is_deeper(bytes: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert!(!is_deeper(br#"[{"a":"[[[["}]"#, 2));
        assert!(!is_deeper(br#"["\"[[[", [1]]"#, 2));
        assert!(is_deeper(b"[[[1]]]", 2));
        assert!(parse::<Value>(&b"[".repeat(100_000), 64).is_err());
    }

    #[test]
    fn a_wrong_type_names_its_field() {
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[expect(dead_code, reason = "only parsed")]
            items: Vec<u8>,
        }
        let refusal = parse::<Outer>(br#"{"items":[1,"x"]}"#, 64).expect_err("not a number");
        assert_eq!(refusal.details[0].field, "items[1]");
        assert!(refusal.details[0].message.contains("invalid type"));
        for bad in [&b"{"[..], b"", b"{} {}", b"\xff"] {
            let refusal = parse::<Value>(bad, 64).expect_err("not JSON");
            assert_eq!(refusal.details[0].field, "body");
        }
    }
}
