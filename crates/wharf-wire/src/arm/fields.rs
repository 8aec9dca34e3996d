//! JSON objects read field by field, all faults at once.
//!
//! A derived parser stops at the first wrong type and throws unknown members away.
//! A PUT must do neither: it is told everything that is wrong with it, and what
//! Wharf does not interpret is kept and given back.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};
use wharf_core::{finding::Finding, limits::MOST_KEPT_OF_RESOURCE};

/// Most characters of a text field, unless said otherwise.
const LONGEST_TEXT: usize = 4_096;

/// An object that is being taken apart. `null` counts as "not sent".
#[derive(Debug)]
pub(crate) struct Fields {
    members: Map<String, Value>,
    prefix: String,
}

impl Fields {
    /// The members of the document's outermost object.
    ///
    /// # Errors
    /// A finding when it is something else.
    pub(crate) fn of(document: Value) -> Result<Self, Finding> {
        match document {
            Value::Object(members) => Ok(Self {
                members,
                prefix: String::new(),
            }),
            other => Err(Finding::new(
                "body",
                format!("must be a JSON object, not {}", kind_of(&other)),
            )),
        }
    }

    /// The full path of a member.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Takes a member as it is; names compare without case, as ARM has it.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        let key = if self.members.contains_key(name) {
            name.to_owned()
        } else {
            let mut keys = self.members.keys();
            keys.find(|key| key.eq_ignore_ascii_case(name))?.clone()
        };
        self.members
            .shift_remove(&key)
            .filter(|value| !value.is_null())
    }

    /// Throws a member away, also one that is null.
    pub(crate) fn drop(&mut self, name: &str) {
        self.members
            .retain(|key, _| !key.eq_ignore_ascii_case(name));
    }

    /// Takes a text.
    pub(crate) fn text(&mut self, name: &str, findings: &mut Vec<Finding>) -> Option<String> {
        match self.take(name)? {
            Value::String(text) if text.len() > LONGEST_TEXT => {
                findings.push(Finding::new(
                    self.path(name),
                    format!("has more than {LONGEST_TEXT} bytes"),
                ));
                None
            }
            Value::String(text) => Some(text),
            other => self.wrong(name, "a text", &other, findings),
        }
    }

    /// Takes a text of at most `most` characters, on one line.
    pub(crate) fn line(
        &mut self,
        name: &str,
        most: usize,
        findings: &mut Vec<Finding>,
    ) -> Option<String> {
        let text = self.text(name, findings)?;
        if text.chars().count() > most || text.contains(char::is_control) {
            findings.push(Finding::new(
                self.path(name),
                format!("must have at most {most} characters, none of them a control character"),
            ));
            return None;
        }
        Some(text)
    }

    /// Takes a text of any length; the body's own limit bounds it.
    pub(crate) fn document(&mut self, name: &str, findings: &mut Vec<Finding>) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => self.wrong(name, "a text", &other, findings),
        }
    }

    /// Takes a whole number.
    pub(crate) fn integer(&mut self, name: &str, findings: &mut Vec<Finding>) -> Option<i64> {
        match self.take(name)? {
            Value::Number(number) if number.is_i64() => number.as_i64(),
            other => self.wrong(name, "a whole number", &other, findings),
        }
    }

    /// Takes true or false.
    pub(crate) fn flag(&mut self, name: &str, findings: &mut Vec<Finding>) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            other => self.wrong(name, "true or false", &other, findings),
        }
    }

    /// Throws away what is left of a member, however it is spelled.
    pub(crate) fn drop_all(&mut self, name: &str) {
        self.members
            .retain(|key, _| !key.eq_ignore_ascii_case(name));
    }

    /// Takes at most `most` texts by name, as labels are.
    pub(crate) fn texts(
        &mut self,
        name: &str,
        most: usize,
        findings: &mut Vec<Finding>,
    ) -> Option<BTreeMap<String, String>> {
        let members = match self.take(name)? {
            Value::Object(members) => members,
            other => return self.wrong(name, "an object of texts", &other, findings),
        };
        let mut texts = BTreeMap::new();
        if members.len() > most {
            findings.push(Finding::new(
                self.path(name),
                format!("has {} entries; at most {most} are allowed", members.len()),
            ));
            return None;
        }
        for (key, value) in members {
            match value {
                Value::String(text) => {
                    texts.insert(key, text);
                }
                other => findings.push(Finding::new(
                    format!("{}.{key}", self.path(name)),
                    format!("must be a text, not {}", kind_of(&other)),
                )),
            }
        }
        Some(texts)
    }

    /// Takes an object, to be taken apart in turn; an empty one when it was not sent.
    pub(crate) fn object(&mut self, name: &str, findings: &mut Vec<Finding>) -> Self {
        let members = match self.take(name) {
            None => Map::new(),
            Some(Value::Object(members)) => members,
            Some(other) => self
                .wrong(name, "an object", &other, findings)
                .unwrap_or_default(),
        };
        Self {
            members,
            prefix: format!("{}.", self.path(name)),
        }
    }

    /// Takes at most `most` objects by name.
    pub(crate) fn objects(
        &mut self,
        name: &str,
        most: usize,
        findings: &mut Vec<Finding>,
    ) -> Option<Vec<(String, Self)>> {
        let path = self.path(name);
        let members = match self.take(name)? {
            Value::Object(members) if members.len() <= most => members,
            Value::Object(members) => {
                let message = format!("has {} entries; at most {most} are allowed", members.len());
                findings.push(Finding::new(path, message));
                return None;
            }
            other => return self.wrong(name, "an object of objects", &other, findings),
        };
        let mut outer = Self {
            members,
            prefix: format!("{path}."),
        };
        let keys: Vec<String> = outer.members.keys().cloned().collect();
        let objects = keys.into_iter().map(|key| {
            let object = outer.object(&key, findings);
            (key, object)
        });
        Some(objects.collect())
    }

    /// Takes the first object of a list.
    pub(crate) fn first_object(&mut self, name: &str, findings: &mut Vec<Finding>) -> Self {
        let first = format!("{name}[0]");
        let item = match self.take(name) {
            None => None,
            Some(Value::Array(items)) => items.into_iter().next(),
            Some(other) => self.wrong(name, "a list of objects", &other, findings),
        };
        let members = match item {
            None => Map::new(),
            Some(Value::Object(members)) => members,
            Some(other) => self
                .wrong(&first, "an object", &other, findings)
                .unwrap_or_default(),
        };
        Self {
            members,
            prefix: format!("{}.", self.path(&first)),
        }
    }

    /// Whether no member is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What nobody took.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.members
    }

    fn wrong<T>(
        &self,
        name: &str,
        wanted: &str,
        found: &Value,
        findings: &mut Vec<Finding>,
    ) -> Option<T> {
        findings.push(Finding::new(
            self.path(name),
            format!("must be {wanted}, not {}", kind_of(found)),
        ));
        None
    }
}

/// Bounds what is kept of a PUT without being interpreted.
pub(crate) fn check_kept(kept: &Map<String, Value>, findings: &mut Vec<Finding>) {
    let bytes = serde_json::to_vec(kept).map_or(usize::MAX, |json| json.len());
    if bytes > MOST_KEPT_OF_RESOURCE {
        findings.push(Finding::new(
            "body",
            format!(
                "members that are kept without being interpreted have {bytes} bytes together; at \
                 most {MOST_KEPT_OF_RESOURCE} are allowed"
            ),
        ));
    }
}

/// What was found, for a message; numbers as they are, since only some are wrong.
fn kind_of(value: &Value) -> Cow<'static, str> {
    Cow::Borrowed(match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) => return Cow::Owned(number.to_string()),
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_wrong_types_are_found_and_the_rest_is_kept() {
        let document = json!({
            "Location": "local",
            "tags": {"a": "b", "c": 1},
            "properties": {"count": 1.5, "name": ["x"], "other": true, "none": null},
            "pools": ["x"],
            "kept": {"deep": [1]},
        });
        let mut findings = Vec::new();
        let mut fields = Fields::of(document).expect("an object");
        assert_eq!(
            fields.text("location", &mut findings).as_deref(),
            Some("local")
        );
        fields.texts("tags", 2, &mut findings);
        let mut inner = fields.object("properties", &mut findings);
        assert_eq!(inner.integer("count", &mut findings), None);
        assert_eq!(inner.text("name", &mut findings), None);
        assert_eq!(inner.text("none", &mut findings), None);
        fields.first_object("pools", &mut findings);
        assert_eq!(findings[1].message, "must be a whole number, not 1.5");
        let places: Vec<_> = findings.iter().map(|found| found.field.as_str()).collect();
        assert_eq!(
            places,
            ["tags.c", "properties.count", "properties.name", "pools[0]"]
        );
        assert_eq!(Value::Object(inner.rest()), json!({"other": true}));
        assert_eq!(Value::Object(fields.rest()), json!({"kept": {"deep": [1]}}));
    }

    #[test]
    fn too_many_texts_are_not_looked_into() {
        let tags: Map<_, _> = (0..300_000)
            .map(|index| (index.to_string(), json!(index)))
            .collect();
        let mut findings = Vec::new();
        let mut fields = Fields::of(json!({ "tags": tags })).expect("an object");
        assert_eq!(fields.texts("tags", 50, &mut findings), None);
        let message = "has 300000 entries; at most 50 are allowed";
        assert_eq!(findings, [Finding::new("tags", message)]);
    }

    #[test]
    fn what_is_only_kept_has_a_limit() {
        let kept = |length: usize| match json!({ "a": "x".repeat(length) }) {
            Value::Object(members) => members,
            _ => unreachable!("an object"),
        };
        let mut findings = Vec::new();
        check_kept(&kept(MOST_KEPT_OF_RESOURCE - 8), &mut findings);
        assert_eq!(findings, []);
        check_kept(&kept(MOST_KEPT_OF_RESOURCE - 7), &mut findings);
        assert_eq!(findings[0].field, "body");
        let mut fields = Fields::of(json!({ "location": "a\u{0}" })).expect("an object");
        assert_eq!(fields.line("location", 128, &mut findings), None);
        assert_eq!(findings[1].field, "location");
    }

    #[test]
    fn a_document_is_an_object() {
        let finding = Fields::of(json!([1])).expect_err("a list");
        assert_eq!(finding.message, "must be a JSON object, not a list");
    }
}
