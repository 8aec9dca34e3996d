//! Expressions in a template: texts of the form `[…]`.
//!
//! Understood are `parameters`, `variables`, `resourceGroup()`, `subscription()`,
//! `concat`, `toLower` and `resourceId`, with members and indices behind them.
//! Everything else is refused by name.

use std::cell::Cell;

use serde_json::{Map, Value, json};

/// Most characters of one expression (ARM's own limit).
pub(super) const LONGEST: usize = 24_576;
/// How deep calls, and variables in variables, may nest.
const DEEPEST: usize = 32;
/// Most bytes that the expressions of one template may make together.
const MOST_MADE: usize = 16 * 1_024 * 1_024;

/// What expressions see.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) parameters: Map<String, Value>,
    pub(super) variables: Map<String, Value>,
    pub(super) group: &'a super::GroupScope,
    made: Cell<usize>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        parameters: Map<String, Value>,
        variables: Map<String, Value>,
        group: &'a super::GroupScope,
    ) -> Self {
        Self {
            parameters,
            variables,
            group,
            made: Cell::new(0),
        }
    }

    /// `value` with every expression in it evaluated.
    ///
    /// # Errors
    /// What is wrong with which expression.
    pub(super) fn evaluate(&self, value: &Value) -> Result<Value, String> {
        self.evaluate_at(value, DEEPEST)
    }

    fn evaluate_at(&self, value: &Value, depth: usize) -> Result<Value, String> {
        match value {
            Value::String(text) => self.text(text, depth),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.evaluate_at(item, depth));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.evaluate_at(value, depth)?)));
                Ok(Value::Object(members.collect::<Result<_, String>>()?))
            }
            other => Ok(other.clone()),
        }
    }

    fn text(&self, text: &str, depth: usize) -> Result<Value, String> {
        let inner = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let Some(inner) = inner else {
            return self.made(Value::from(text));
        };
        // Two brackets stand for one that begins a plain text.
        if inner.starts_with('[') {
            return self.made(Value::from(&text[1..]));
        }
        if text.chars().count() > LONGEST {
            return Err(format!("has more than {LONGEST} characters"));
        }
        let mut reader = Reader { rest: inner };
        let value = reader.expression(self, depth)?;
        reader.blanks();
        if !reader.rest.is_empty() {
            return Err(format!("ends too late: `{}`", shown(reader.rest)));
        }
        Ok(value)
    }

    /// Counts a value that an expression made.
    fn made(&self, value: Value) -> Result<Value, String> {
        let made = self.made.get().saturating_add(weight(&value));
        self.made.set(made);
        if made > MOST_MADE {
            return Err(format!(
                "the expressions of this template make more than {MOST_MADE} bytes"
            ));
        }
        Ok(value)
    }

    fn call(&self, name: &str, arguments: &[Value], depth: usize) -> Result<Value, String> {
        let value = match (name.to_ascii_lowercase().as_str(), arguments) {
            ("parameters", [Value::String(name)]) => member(&self.parameters, name)
                .cloned()
                .ok_or_else(|| format!("the template declares no parameter `{}`", shown(name)))?,
            ("variables", [Value::String(name)]) => {
                let value = member(&self.variables, name).ok_or_else(|| {
                    format!("the template declares no variable `{}`", shown(name))
                })?;
                let depth = depth.checked_sub(1).ok_or("variables nest too deep")?;
                self.evaluate_at(value, depth)?
            }
            ("resourcegroup", []) => self.group.document(),
            ("subscription", []) => json!({
                "id": format!("/subscriptions/{}", self.group.subscription),
                "subscriptionId": self.group.subscription,
                "tenantId": self.group.tenant,
            }),
            ("concat", [_, ..]) => {
                let texts = arguments.iter().map(as_text);
                Value::String(texts.collect::<Result<String, _>>()?)
            }
            ("tolower", [text]) => Value::String(as_text(text)?.to_lowercase()),
            ("resourceid", arguments) => self.resource_id(arguments)?,
            (
                "parameters" | "variables" | "resourcegroup" | "subscription" | "concat"
                | "tolower",
                _,
            ) => {
                return Err(format!("`{}` is called with wrong arguments", shown(name)));
            }
            _ => {
                return Err(format!(
                    "function `{}` is not supported; supported are parameters, variables, \
                     resourceGroup, subscription, concat, toLower and resourceId",
                    shown(name)
                ));
            }
        };
        self.made(value)
    }

    /// `resourceId('NAMESPACE/TYPE', 'NAME')`, with more types and names for nested ones.
    fn resource_id(&self, arguments: &[Value]) -> Result<Value, String> {
        let texts = arguments
            .iter()
            .map(as_text)
            .collect::<Result<Vec<_>, _>>()?;
        let (kind, names) = texts
            .split_first()
            .filter(|(kind, _)| kind.contains('/'))
            .ok_or("`resourceId` needs a type and a name for each of its parts")?;
        let mut parts = kind.split('/');
        let namespace = parts.next().unwrap_or_default();
        let kinds: Vec<_> = parts.collect();
        if kinds.len() != names.len() {
            return Err("`resourceId` needs a type and a name for each of its parts".to_owned());
        }
        let mut id = format!("{}/providers/{namespace}", self.group.id());
        for (kind, name) in kinds.iter().zip(names) {
            id.push_str(&format!("/{kind}/{name}"));
        }
        Ok(Value::String(id))
    }
}

/// Bytes, about.
fn weight(value: &Value) -> usize {
    const NODE: usize = 16;
    NODE + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, it)| name.len() + weight(it))
            .sum(),
        _ => 0,
    }
}

/// A member, in whatever case: ARM compares names so.
fn member<'v>(members: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    members.get(name).or_else(|| {
        let found = members
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    })
}

fn as_text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err("a text is needed".to_owned()),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, mark: char) -> bool {
        self.blanks();
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn word(&mut self) -> Result<&'t str, String> {
        self.blanks();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(format!("a name is missing before `{}`", shown(self.rest)));
        }
        self.rest = rest;
        Ok(word)
    }

    fn expression(&mut self, scope: &Scope<'_>, depth: usize) -> Result<Value, String> {
        let inner = depth.checked_sub(1).ok_or("calls nest too deep")?;
        self.blanks();
        if self.rest.starts_with('\'') {
            return self.literal();
        }
        if self
            .rest
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
        {
            let is_part = |c: char| c.is_ascii_digit() || c == '-';
            let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            self.rest = rest;
            let number: i64 = digits
                .parse()
                .map_err(|_| format!("`{}` is not a number", shown(digits)))?;
            return Ok(Value::from(number));
        }
        let name = self.word()?;
        if !self.takes('(') {
            return Err(format!("`(` is missing after `{}`", shown(name)));
        }
        let mut arguments = Vec::new();
        if !self.takes(')') {
            loop {
                arguments.push(self.expression(scope, inner)?);
                if self.takes(')') {
                    break;
                }
                if !self.takes(',') {
                    return Err(format!(
                        "`,` or `)` is missing before `{}`",
                        shown(self.rest)
                    ));
                }
            }
        }
        let value = scope.call(name, &arguments, inner)?;
        self.members(value, scope, inner)
    }

    /// What follows a call: `.name` and `[index]`.
    fn members(
        &mut self,
        mut value: Value,
        scope: &Scope<'_>,
        depth: usize,
    ) -> Result<Value, String> {
        loop {
            let found = if self.takes('.') {
                let name = self.word()?;
                value.as_object().and_then(|it| member(it, name)).cloned()
            } else if self.takes('[') {
                let index = self.expression(scope, depth)?;
                if !self.takes(']') {
                    return Err(format!("`]` is missing before `{}`", shown(self.rest)));
                }
                match &index {
                    Value::String(name) => value.as_object().and_then(|it| member(it, name)),
                    Value::Number(index) => index
                        .as_u64()
                        .and_then(|index| value.get(usize::try_from(index).ok()?)),
                    _ => None,
                }
                .cloned()
            } else {
                return Ok(value);
            };
            value = found
                .ok_or_else(|| format!("there is no such member before `{}`", shown(self.rest)))?;
        }
    }

    /// `'…'`, in which two quotes stand for one.
    fn literal(&mut self) -> Result<Value, String> {
        let mut text = String::new();
        let mut rest = &self.rest[1..];
        loop {
            let end = rest.find('\'').ok_or("a text has no closing quote")?;
            text.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('\'') {
                Some(after) => {
                    text.push('\'');
                    rest = after;
                }
                None => break,
            }
        }
        self.rest = rest;
        Ok(Value::String(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::GroupScope, *};

    fn group() -> GroupScope {
        GroupScope {
            subscription: "s".to_owned(),
            tenant: "t".to_owned(),
            group: "rg".to_owned(),
            location: "local".to_owned(),
        }
    }

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    fn evaluated(text: &str) -> Result<Value, String> {
        let group = group();
        let parameters = json!({"name": "ws", "list": ["a", {"b": "c"}], "on": true});
        let variables =
            json!({"full": "[concat(parameters('name'), '-1')]", "loop": "[variables('loop')]"});
        Scope::new(map(&parameters), map(&variables), &group).evaluate(&json!(text))
    }

    #[test]
    fn what_templates_of_workspaces_use() {
        for (text, value) in [
            ("plain", json!("plain")),
            ("[[not one]", json!("[not one]")),
            ("[parameters('NAME')]", json!("ws")),
            ("[parameters('on')]", json!(true)),
            ("[ parameters( 'list' )[1].b ]", json!("c")),
            ("[parameters('list')[0]]", json!("a")),
            ("[variables('full')]", json!("ws-1")),
            ("[resourceGroup().location]", json!("local")),
            ("[subscription().subscriptionId]", json!("s")),
            ("[toLower(concat('A', 1, 'it''s'))]", json!("a1it's")),
            (
                "[resourceId('Microsoft.Storage/storageAccounts', parameters('name'))]",
                json!(
                    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/ws"
                ),
            ),
        ] {
            assert_eq!(evaluated(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_says_so() {
        for (text, why) in [
            (
                "[uniqueString('a')]",
                "function `uniqueString` is not supported",
            ),
            ("[parameters('x')]", "no parameter `x`"),
            ("[variables('loop')]", "nest too deep"),
            ("[parameters('name').x]", "no such member"),
            ("[parameters()]", "wrong arguments"),
            ("[parameters('name'] ]", "missing"),
            ("[concat('a]", "no closing quote"),
            ("[resourceGroup() x]", "ends too late"),
            ("[resourceId('a')]", "needs a type"),
        ] {
            let found = evaluated(text).expect_err(text);
            assert!(found.contains(why), "{text}: {found}");
        }
        let long = format!("[concat('{}')]", "x".repeat(LONGEST));
        assert!(evaluated(&long).expect_err("too long").contains("24576"));
    }

    #[test]
    fn what_doubles_with_every_variable_is_stopped() {
        let group = group();
        let mut variables = Map::new();
        variables.insert("v0".to_owned(), json!("x".repeat(100_000)));
        for index in 1..9 {
            let twice = format!("[concat(variables('v{0}'), variables('v{0}'))]", index - 1);
            variables.insert(format!("v{index}"), json!(twice));
        }
        let scope = Scope::new(Map::new(), variables, &group);
        let error = scope
            .evaluate(&json!("[variables('v8')]"))
            .expect_err("too much");
        assert!(error.contains("more than 16777216 bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\[[a-zA-Z0-9().,'\\[\\] -]{0,40}\\]") {
            let _ = evaluated(&text);
        }
    }
}
