//! JSON Patch (RFC 6902) as the data plane's clients send it.
//!
//! Two things differ from the RFC, because the SDK relies on them: `replace`
//! sets a member that is absent, and a parent that is absent or null becomes an
//! object. `move` and `copy` are refused: no client of this surface sends them.

use std::fmt;

use serde_json::{Map, Value};
use wharf_core::{finding::Finding, quote::Quoted};

/// Most operations of one patch; the SDK's longest has about thirty.
const MOST_OPERATIONS: usize = 1_000;
/// Most parts of one path: deeper than any document of this surface.
const MOST_PARTS: usize = 32;

/// Where in a document (RFC 6901), by unescaped parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Reads `/a/b`; the empty text is the whole document.
    ///
    /// # Errors
    /// What is wrong, for a finding.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err("must begin with `/`");
        };
        let parts: Vec<_> = rest.split('/').map(unescape).collect();
        if parts.len() > MOST_PARTS {
            return Err("has too many parts");
        }
        Ok(Self(parts))
    }

    /// From unescaped parts.
    pub fn from_parts<const N: usize>(parts: [&str; N]) -> Self {
        Self(parts.map(str::to_owned).to_vec())
    }

    /// From unescaped parts, inside of others.
    pub fn inside(outer: &[String], inner: &[String]) -> Self {
        Self([outer, inner].concat())
    }

    /// The parts, outermost first.
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|part| write!(f, "/{}", part.replace('~', "~0").replace('/', "~1")))
    }
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// What is done at a place.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Sets a member, inserts into an array.
    Add(Value),
    /// Sets a member, there or not.
    Replace(Value),
    /// Takes a member away.
    Remove,
    /// Goes on only if the value is this one.
    Test(Value),
}

/// One operation of a patch.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchOperation {
    /// Where.
    pub path: Pointer,
    /// What.
    pub change: Change,
}

/// Reads a patch; what is wrong with it goes to `findings`.
pub fn read(patch: &Value, findings: &mut Vec<Finding>) -> Vec<PatchOperation> {
    let Value::Array(operations) = patch else {
        findings.push(Finding::new(
            "body",
            "must be an array of JSON Patch operations (RFC 6902)",
        ));
        return Vec::new();
    };
    if operations.len() > MOST_OPERATIONS {
        findings.push(Finding::new(
            "body",
            format!(
                "has {} operations; at most {MOST_OPERATIONS} are allowed",
                operations.len()
            ),
        ));
        return Vec::new();
    }
    let mut read = Vec::with_capacity(operations.len());
    for (index, operation) in operations.iter().enumerate() {
        match read_operation(operation) {
            Ok(operation) => read.push(operation),
            Err((member, message)) => {
                findings.push(Finding::new(format!("[{index}]{member}"), message));
            }
        }
    }
    read
}

fn read_operation(operation: &Value) -> Result<PatchOperation, (&'static str, String)> {
    let Value::Object(members) = operation else {
        return Err(("", "must be an object with `op` and `path`".to_owned()));
    };
    let Some(Value::String(path)) = members.get("path") else {
        return Err((".path", "is missing or no text".to_owned()));
    };
    let path = Pointer::parse(path).map_err(|why| (".path", format!("{} {why}", Quoted(path))))?;
    let Some(Value::String(op)) = members.get("op") else {
        return Err((".op", "is missing or no text".to_owned()));
    };
    let value = || {
        let value = members.get("value").cloned();
        value.ok_or_else(|| (".value", format!("is missing; {} needs one", Quoted(op))))
    };
    let change = match op.as_str() {
        "add" => Change::Add(value()?),
        "replace" => Change::Replace(value()?),
        "test" => Change::Test(value()?),
        "remove" => Change::Remove,
        _ => {
            return Err((
                ".op",
                format!("{} must be one of add, remove, replace, test", Quoted(op)),
            ));
        }
    };
    Ok(PatchOperation { path, change })
}

/// Applies the operations in order. One that cannot be applied goes to `findings`
/// and the others are still looked at, so that a caller hears everything at once;
/// with findings the document is not to be used.
pub fn apply(document: &mut Value, operations: &[PatchOperation], findings: &mut Vec<Finding>) {
    for operation in operations {
        if let Err(message) = apply_one(document, operation) {
            findings.push(Finding::new(operation.path.to_string(), message));
        }
    }
}

fn apply_one(document: &mut Value, operation: &PatchOperation) -> Result<(), String> {
    let Some((last, parents)) = operation.path.0.split_last() else {
        return apply_to_whole(document, &operation.change);
    };
    match &operation.change {
        Change::Add(value) => match parent(document, parents)? {
            Value::Array(items) => {
                let index = if last == "-" {
                    items.len()
                } else {
                    array_index(last, items.len() + 1)?
                };
                items.insert(index, value.clone());
            }
            parent => {
                members(parent)?.insert(last.clone(), value.clone());
            }
        },
        Change::Replace(value) => match parent(document, parents)? {
            Value::Array(items) => {
                let index = array_index(last, items.len())?;
                items[index] = value.clone();
            }
            parent => {
                members(parent)?.insert(last.clone(), value.clone());
            }
        },
        Change::Remove => {
            let is_removed = match look_up(document, parents) {
                Some(Value::Object(members)) => members.shift_remove(last).is_some(),
                Some(Value::Array(items)) => {
                    let index = array_index(last, items.len())?;
                    items.remove(index);
                    true
                }
                _ => false,
            };
            if !is_removed {
                return Err("is not there and cannot be removed".to_owned());
            }
        }
        Change::Test(expected) => {
            if look_up(document, &operation.path.0).map(|value| &*value) != Some(expected) {
                return Err("does not have the value that `test` asks for".to_owned());
            }
        }
    }
    Ok(())
}

fn apply_to_whole(document: &mut Value, change: &Change) -> Result<(), String> {
    match change {
        Change::Add(value) | Change::Replace(value) => *document = value.clone(),
        Change::Remove => return Err("the whole document cannot be removed".to_owned()),
        Change::Test(expected) => {
            if document != expected {
                return Err("does not have the value that `test` asks for".to_owned());
            }
        }
    }
    Ok(())
}

/// The value at a place, if there is one.
fn look_up<'a>(document: &'a mut Value, parts: &[String]) -> Option<&'a mut Value> {
    parts
        .iter()
        .try_fold(document, |parent, part| match parent {
            Value::Object(members) => members.get_mut(part),
            Value::Array(items) => {
                let index = array_index(part, items.len()).ok()?;
                items.get_mut(index)
            }
            _ => None,
        })
}

/// The value at a place, with objects made on the way where nothing is.
fn parent<'a>(document: &'a mut Value, parts: &[String]) -> Result<&'a mut Value, String> {
    parts
        .iter()
        .try_fold(document, |parent, part| match parent {
            Value::Array(items) => {
                let index = array_index(part, items.len())?;
                Ok(&mut items[index])
            }
            parent => Ok(members(parent)?.entry(part.clone()).or_insert(Value::Null)),
        })
}

fn members(value: &mut Value) -> Result<&mut Map<String, Value>, String> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("lies inside of something that has no members".to_owned()),
    }
}

fn array_index(part: &str, length: usize) -> Result<usize, String> {
    let is_plain = part == "0" || (!part.starts_with('0') && !part.starts_with('+'));
    match part.parse::<usize>() {
        Ok(index) if is_plain && index < length => Ok(index),
        _ => Err(format!(
            "{} is no index of an array of this length",
            Quoted(part)
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn patched(mut document: Value, patch: &Value) -> Result<Value, Vec<Finding>> {
        let mut findings = Vec::new();
        let operations = read(patch, &mut findings);
        apply(&mut document, &operations, &mut findings);
        if findings.is_empty() {
            Ok(document)
        } else {
            Err(findings)
        }
    }

    #[test]
    fn members_are_set_taken_away_and_tested() {
        let patch = json!([
            {"op": "test", "path": "/a", "value": 1},
            {"op": "replace", "path": "/a", "value": 2},
            {"op": "add", "path": "/tags/a~1b~0c", "value": "x"},
            {"op": "add", "path": "/list/1", "value": "new"},
            {"op": "add", "path": "/list/-", "value": "last"},
            {"op": "replace", "path": "/list/0", "value": "first"},
            {"op": "remove", "path": "/gone"},
        ]);
        let document = json!({"a": 1, "tags": {}, "list": [0, 1], "gone": null});
        assert_eq!(
            patched(document, &patch),
            Ok(json!({"a": 2, "tags": {"a/b~c": "x"}, "list": ["first", "new", 1, "last"]}))
        );
    }

    #[test]
    fn replace_works_on_what_is_null_or_absent() {
        let patch = json!([
            {"op": "replace", "path": "/auto/min", "value": 1},
            {"op": "replace", "path": "/live/period", "value": 9},
            {"op": "replace", "path": "/namespace", "value": "a"},
        ]);
        assert_eq!(
            patched(json!({"auto": null, "live": {"period": null}}), &patch),
            Ok(json!({"auto": {"min": 1}, "live": {"period": 9}, "namespace": "a"}))
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let patch = json!([
            7,
            {"op": "replace", "value": 1},
            {"op": "replace", "path": "a", "value": 1},
            {"op": "copy", "path": "/a", "from": "/b"},
            {"op": "add", "path": "/a"},
            {"op": "remove", "path": "/absent"},
            {"op": "test", "path": "/a", "value": 2},
            {"op": "add", "path": "/a/b", "value": 2},
            {"op": "add", "path": "/list/5", "value": 2},
            {"op": "add", "path": "/list/01", "value": 2},
        ]);
        let findings = patched(json!({"a": 1, "list": [1, 2]}), &patch).expect_err("refused");
        let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "[0]",
                "[1].path",
                "[2].path",
                "[3].op",
                "[4].value",
                "/absent",
                "/a",
                "/a/b",
                "/list/5",
                "/list/01"
            ]
        );
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        assert!(patched(json!({}), &json!({"op": "add"})).is_err());
        let long = Value::Array(vec![json!({"op": "remove", "path": "/a"}); 1_001]);
        assert_eq!(patched(json!({}), &long).expect_err("refused").len(), 1);
    }

    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z/~-]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c/~]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_panics(document in any_json(), patch in any_json()) {
            let _ = patched(document, &patch);
        }

        #[test]
        fn operations_on_any_document_end(
            document in any_json(),
            operations in proptest::collection::vec(
                ("(add|replace|remove|test)", "(/[a-c0-2~-]{0,2}){0,3}", any_json()), 0..6,
            ),
        ) {
            let patch: Vec<_> = operations
                .into_iter()
                .map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
                .collect();
            let _ = patched(document, &Value::from(patch));
        }

        #[test]
        fn what_was_set_is_there(value in any_json(), key in "[a-z~/]{1,8}") {
            let path = Pointer(vec![key.clone()]).to_string();
            let patch = json!([{"op": "replace", "path": path, "value": value}]);
            let document = patched(json!({}), &patch).expect("applies");
            prop_assert_eq!(&document[&key], &value);
        }

        #[test]
        fn pointers_print_and_parse_back(parts in proptest::collection::vec(".{0,5}", 1..5)) {
            let pointer = Pointer(parts);
            prop_assert_eq!(Pointer::parse(&pointer.to_string()), Ok(pointer));
        }
    }
}
