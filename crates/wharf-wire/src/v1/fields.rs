//! Reading JSON member by member, so that everything that is wrong with a body
//! is told at once, each with its place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wharf_core::{
    finding::Finding,
    limits::{LARGEST_LABELS, MOST_LABELS},
};

/// The members of one object.
pub(crate) struct Fields<'a> {
    members: Option<&'a Map<String, Value>>,
    place: String,
    findings: &'a mut Vec<Finding>,
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl<'a> Fields<'a> {
    /// The members of a body; one that is no object has none, and a finding.
    pub(crate) fn of_body(body: &'a Value, findings: &'a mut Vec<Finding>) -> Self {
        let members = body.as_object();
        if members.is_none() {
            findings.push(Finding::new(
                "body",
                format!("must be an object, is {}", kind(body)),
            ));
        }
        Self {
            members,
            place: String::new(),
            findings,
        }
    }

    /// The place of a member, for a finding.
    pub(crate) fn place(&self, name: &str) -> String {
        if self.place.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.place)
        }
    }

    /// Whether something was found at exactly this place.
    pub(crate) fn is_told(&self, place: &str) -> bool {
        self.findings.iter().any(|finding| finding.field == place)
    }

    /// Says what is wrong with a member.
    pub(crate) fn refuse(&mut self, name: &str, message: impl Into<String>) {
        let place = self.place(name);
        self.findings.push(Finding::new(place, message));
    }

    /// The member as it is; null counts as not there.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a Value> {
        let value = self.members?.get(name)?;
        (!value.is_null()).then_some(value)
    }

    fn typed<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.raw(name)?;
        let read = read(value);
        if read.is_none() {
            self.refuse(name, format!("must be {wanted}, is {}", kind(value)));
        }
        read
    }

    /// Text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.typed(name, "text", |value| value.as_str().map(str::to_owned))
    }

    /// Text of at most `most` characters, on one line: a name, or what else is kept
    /// and shown as it came.
    pub(crate) fn line(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.text(name)?;
        if text.len() > most && text.chars().count() > most {
            self.refuse(name, format!("must have at most {most} characters"));
            return None;
        }
        if text.contains(char::is_control) {
            self.refuse(
                name,
                "must not contain line breaks or other control characters",
            );
            return None;
        }
        Some(text)
    }

    /// Refuses what is kept when it is larger than `most` bytes as JSON.
    pub(crate) fn check_kept(&mut self, name: &str, kept: &Map<String, Value>, most: usize) {
        let bytes = serde_json::to_vec(kept).map_or(usize::MAX, |json| json.len());
        if bytes > most {
            self.refuse(
                name,
                format!("what is kept of it has {bytes} bytes; at most {most} are allowed"),
            );
        }
    }

    /// True or false.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.typed(name, "true or false", Value::as_bool)
    }

    /// A whole number; `3.0` is one.
    pub(crate) fn whole(&mut self, name: &str) -> Option<i64> {
        let value = self.raw(name)?;
        let whole = value.as_i64().or_else(|| {
            let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
            // Exact for every whole number that a limit of ours allows.
            (number.abs() < 9.0e15).then_some(number as i64)
        });
        if whole.is_none() {
            let message = match value {
                Value::Number(number) => format!("must be a whole number, is {number}"),
                _ => format!("must be a whole number, is {}", kind(value)),
            };
            self.refuse(name, message);
        }
        whole
    }

    /// A number.
    pub(crate) fn amount(&mut self, name: &str) -> Option<f64> {
        self.typed(name, "a number", Value::as_f64)
    }

    /// An object to read on in; empty when it is not there.
    pub(crate) fn object(&mut self, name: &str) -> Fields<'_> {
        let members = self.typed(name, "an object", Value::as_object);
        Fields {
            members,
            place: self.place(name),
            findings: self.findings,
        }
    }

    /// An array of at most `most` entries; empty when it is not there. A longer one
    /// is not looked into.
    pub(crate) fn list(&mut self, name: &str, most: usize) -> &'a [Value] {
        let items = self.typed(name, "an array", Value::as_array);
        let items = items.map_or(&[][..], Vec::as_slice);
        if self.has_too_many(name, items.len(), most) {
            return &[];
        }
        items
    }

    fn has_too_many(&mut self, name: &str, count: usize, most: usize) -> bool {
        if count > most {
            self.refuse(
                name,
                format!("has {count} entries; at most {most} are allowed"),
            );
        }
        count > most
    }

    /// Reads each object of an array of at most `most`.
    pub(crate) fn each<T>(
        &mut self,
        name: &str,
        most: usize,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Vec<T> {
        let items = self.list(name, most);
        let mut all = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = format!("{}[{index}]", self.place(name));
            let members = item.as_object();
            if members.is_none() {
                self.findings.push(Finding::new(
                    place.clone(),
                    format!("must be an object, is {}", kind(item)),
                ));
            }
            all.push(read(&mut Fields {
                members,
                place,
                findings: self.findings,
            }));
        }
        all
    }

    /// Reads each object of an object with at most `most` members, by its name.
    pub(crate) fn each_member<T>(
        &mut self,
        name: &str,
        most: usize,
        mut read: impl FnMut(&str, &mut Fields<'_>) -> T,
    ) -> Vec<T> {
        let members = self.typed(name, "an object", Value::as_object);
        let count = members.map_or(0, Map::len);
        if self.has_too_many(name, count, most) {
            return Vec::new();
        }
        let mut objects = self.object(name);
        let names = members.into_iter().flat_map(Map::keys);
        names
            .map(|name| {
                if objects.raw(name).is_none() {
                    objects.refuse(name, "must be an object, is null");
                }
                read(name, &mut objects.object(name))
            })
            .collect()
    }

    /// An array of at most `most` texts.
    pub(crate) fn texts(&mut self, name: &str, most: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for (index, value) in self.list(name, most).iter().enumerate() {
            match value.as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.refuse(
                    &format!("{name}[{index}]"),
                    format!("must be text, is {}", kind(value)),
                ),
            }
        }
        texts
    }

    /// Tags or properties, with a bound on all of them together.
    pub(crate) fn tags(&mut self, name: &str) -> BTreeMap<String, String> {
        let tags = self.labels(name, MOST_LABELS);
        let bytes: usize = tags
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > LARGEST_LABELS {
            self.refuse(
                name,
                format!("have {bytes} bytes together; at most {LARGEST_LABELS} are allowed"),
            );
        }
        tags
    }

    /// At most `most` names with texts. Numbers and booleans become text, as in Azure's own
    /// service, which keeps labels as text.
    pub(crate) fn labels(&mut self, name: &str, most: usize) -> BTreeMap<String, String> {
        let Some(members) = self.typed(name, "an object", Value::as_object) else {
            return BTreeMap::new();
        };
        let mut labels = BTreeMap::new();
        if self.has_too_many(name, members.len(), most) {
            return labels;
        }
        for (key, value) in members {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => {
                    self.refuse(
                        &format!("{name}.{key}"),
                        format!("must be text, is {}", kind(value)),
                    );
                    continue;
                }
            };
            labels.insert(key.clone(), text);
        }
        labels
    }
}
