//! Parameters of a template: what it declares, what the request gives.

use serde_json::{Map, Value, json};
use wharf_core::finding::Finding;

/// Most parameters of a template (ARM's own limit).
pub(super) const MOST: usize = 256;

/// Values for expressions, and what answers show of them.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) values: Map<String, Value>,
    /// `{name: {type, value}}`; secret ones have no value.
    pub(super) shown: Map<String, Value>,
}

/// Types as ARM names them, and whether they are secret.
const TYPES: [(&str, bool); 7] = [
    ("String", false),
    ("SecureString", true),
    ("Int", false),
    ("Bool", false),
    ("Object", false),
    ("SecureObject", true),
    ("Array", false),
];

fn fits(kind: &str, value: &Value) -> bool {
    match kind {
        "String" | "SecureString" => value.is_string(),
        "Int" => value.is_i64() || value.is_u64(),
        "Bool" => value.is_boolean(),
        "Array" => value.is_array(),
        _ => value.is_object(),
    }
}

/// Reads what is `declared` by the template and what is `given` for it.
pub(super) fn read(
    declared: &Map<String, Value>,
    given: &Map<String, Value>,
    findings: &mut Vec<Finding>,
) -> Parameters {
    let mut parameters = Parameters::default();
    for (place, count) in [
        ("properties.template.parameters", declared.len()),
        ("properties.parameters", given.len()),
    ] {
        if count > MOST {
            findings.push(Finding::new(
                place,
                format!("has {count} parameters; at most {MOST} are allowed"),
            ));
            return parameters;
        }
    }
    let is_declared = |name: &String| {
        declared
            .keys()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    for name in given.keys().filter(|name| !is_declared(name)) {
        findings.push(Finding::new(
            format!("properties.parameters.{name}"),
            "is not a parameter that the template declares",
        ));
    }
    for (name, declaration) in declared {
        let place = format!("properties.template.parameters.{name}");
        let kind = declaration["type"].as_str().unwrap_or_default();
        let kind = TYPES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(kind));
        let Some((kind, is_secret)) = kind else {
            findings.push(Finding::new(
                format!("{place}.type"),
                "must be string, secureString, int, bool, object, secureObject or array",
            ));
            continue;
        };
        let sent = given
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = match sent {
            Some((_, sent)) if sent.get("reference").is_some() => {
                findings.push(Finding::new(
                    format!("properties.parameters.{name}.reference"),
                    "values in a key vault are not supported; give `value`",
                ));
                continue;
            }
            Some((_, sent)) => sent.get("value").filter(|value| !value.is_null()),
            None => None,
        };
        let value = value.or_else(|| declaration.get("defaultValue"));
        let Some(value) = value else {
            findings.push(Finding::new(
                format!("properties.parameters.{name}"),
                "has no value and no default",
            ));
            continue;
        };
        let is_expression = value.as_str().is_some_and(|text| text.starts_with('['));
        if !is_expression && !fits(kind, value) {
            findings.push(Finding::new(
                format!("properties.parameters.{name}"),
                format!("must be of type {kind}"),
            ));
            continue;
        }
        let allowed = declaration["allowedValues"].as_array();
        if allowed.is_some_and(|allowed| !allowed.contains(value)) {
            findings.push(Finding::new(
                format!("properties.parameters.{name}"),
                "is not one of the values that the template allows",
            ));
        }
        let mut shown = json!({ "type": kind });
        if !is_secret {
            shown["value"] = value.clone();
        }
        parameters.shown.insert(name.clone(), shown);
        parameters.values.insert(name.clone(), value.clone());
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn values_defaults_and_secrets() {
        let declared = json!({
            "name": {"type": "string"}, "count": {"type": "INT", "defaultValue": 3},
            "password": {"type": "securestring"},
        });
        let given = json!({"NAME": {"value": "ws"}, "password": {"value": "hush"}});
        let mut findings = Vec::new();
        let read = read(&map(&declared), &map(&given), &mut findings);
        assert_eq!(findings, []);
        assert_eq!(
            Value::Object(read.values),
            json!({"name": "ws", "count": 3, "password": "hush"})
        );
        assert_eq!(
            Value::Object(read.shown),
            json!({
                "name": {"type": "String", "value": "ws"}, "count": {"type": "Int", "value": 3},
                "password": {"type": "SecureString"},
            })
        );
    }

    #[test]
    fn every_fault_is_named() {
        let declared = json!({
            "a": {"type": "string"}, "b": {"type": "bool"}, "c": {"type": "date"},
            "d": {"type": "string", "allowedValues": ["x"]}, "e": {"type": "string"},
        });
        let given = json!({
            "b": {"value": "yes"}, "d": {"value": "y"}, "z": {"value": 1},
            "e": {"reference": {"secretName": "s"}},
        });
        let mut findings = Vec::new();
        read(&map(&declared), &map(&given), &mut findings);
        let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "properties.parameters.z",
                "properties.parameters.a",
                "properties.parameters.b",
                "properties.template.parameters.c.type",
                "properties.parameters.d",
                "properties.parameters.e.reference",
            ]
        );
        let many = (0..=MOST).map(|index| (index.to_string(), json!({"type": "int"})));
        let mut findings = Vec::new();
        read(&many.collect(), &Map::new(), &mut findings);
        assert!(findings[0].message.contains("at most 256"), "{findings:?}");
    }
}
