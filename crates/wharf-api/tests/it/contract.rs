//! Checks answers against the table of what clients need of them,
//! `wharf-wire/contract.json`: every answer of these tests as it is given, and every
//! snapshot. The tests with the real SDK check all their traffic against the same table.

use std::{collections::BTreeSet, fs, sync::LazyLock};

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::{
    snapshot::route_of,
    surface::{WORKSPACE, snapshot_name},
};

/// The parts of the table, each with the method and template of its route.
static ANSWERS: LazyLock<Vec<(&str, String, &Value)>> = LazyLock::new(|| {
    let answers = TABLE["answers"].as_array().expect("a list").iter();
    let routed = answers.map(|answer| {
        let (method, path) = text(&answer["route"]).split_once(' ').expect("two words");
        let path = path.strip_prefix("blob").unwrap_or(path);
        (method, path.replace("{WS}", WORKSPACE), answer)
    });
    routed.collect()
});

static TABLE: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../wharf-wire/contract.json")).expect("JSON")
});

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// What is wrong with an answer to a route's path and a query.
fn breaches(
    method: &str,
    (template, query): (&str, &str),
    status: StatusCode,
    headers: &dyn Fn(&str) -> bool,
    body: Option<&Value>,
) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(body) = body.filter(|_| status.as_u16() >= 400) {
        for error in TABLE["errors"].as_array().expect("a list") {
            let mut paths = error["paths"].as_array().expect("a list").iter();
            if paths.any(|path| template.starts_with(text(path))) {
                shape(body, text(&error["like"]), "", &mut found);
            }
        }
    }
    for (wanted, path, answer) in ANSWERS.iter() {
        let is_of = *wanted == method && path == template;
        let statuses = answer["status"].as_array().expect("a list");
        if !is_of || !statuses.contains(&Value::from(status.as_u16())) {
            continue;
        }
        let other = answer["unless_query"].as_str();
        if other.is_some_and(|other| query.split('&').any(|part| part == other)) {
            continue;
        }
        for name in answer["headers"].as_array().into_iter().flatten() {
            if !headers(text(name)) {
                found.push(format!("header `{}` is missing", text(name)));
            }
        }
        let body = body.unwrap_or(&Value::Null);
        if let Some(like) = answer["like"].as_str() {
            shape(body, like, "", &mut found);
        }
        keys(body, &answer["keys"], "", &mut found);
    }
    found
}

fn shape(value: &Value, name: &str, at: &str, found: &mut Vec<String>) {
    for rule in TABLE["shapes"][name].as_array().expect("a shape") {
        let mut when = rule["when"].as_object().into_iter().flatten();
        let fits = when.all(|(path, wanted)| {
            let mut all_fit = true;
            places(value, &steps(path), "", &mut |_, found| {
                all_fit &= found == Some(wanted);
            });
            all_fit
        });
        if fits {
            keys(value, &rule["keys"], at, found);
        }
    }
}

fn keys(value: &Value, rules: &Value, at: &str, found: &mut Vec<String>) {
    for (path, rule) in rules.as_object().into_iter().flatten() {
        places(value, &steps(path), at, &mut |at, value| {
            key(value, text(rule), at, found);
        });
    }
}

fn key(value: Option<&Value>, rule: &str, at: &str, found: &mut Vec<String>) {
    if let Some(like) = rule.strip_prefix("like ") {
        match value {
            Some(value @ Value::Object(_)) => shape(value, like, at, found),
            _ => found.push(format!("`{at}` is no object")),
        }
        return;
    }
    let (kind, otherwise) = rule.split_once(" or ").unwrap_or((rule, ""));
    let fits = match value {
        None => kind == "absent" || otherwise == "absent",
        Some(Value::Null) if otherwise == "null" => true,
        Some(value) => is_a(value, kind),
    };
    if !fits {
        let shown = value.map_or("missing".to_owned(), Value::to_string);
        found.push(format!("`{at}` must be {rule}, it is {shown}"));
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "present" => true,
        "absent" => false,
        "text" => value.is_string(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        "date" => value
            .as_str()
            .is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        _ => {
            let words = kind.strip_prefix("is ").expect("a rule of the table");
            let shown = value.as_str().map_or(value.to_string(), str::to_owned);
            words.split('|').any(|word| word == shown)
        }
    }
}

/// The steps of a path: `a?[].b` is `a?`, `[]`, `b`.
fn steps(path: &str) -> Vec<String> {
    let apart = path.replace("[]", ".[]").replace("{}", ".{}");
    let steps = apart.split('.').filter(|step| !step.is_empty());
    steps.map(str::to_owned).collect()
}

/// Calls `meet` with all that a path leads to; with nothing where a key is missing.
fn places(value: &Value, steps: &[String], at: &str, meet: &mut dyn FnMut(&str, Option<&Value>)) {
    let Some((step, rest)) = steps.split_first() else {
        return meet(at, Some(value));
    };
    if step == "[]" {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            places(item, rest, &format!("{at}[{index}]"), meet);
        }
    } else if step == "{}" {
        for (name, item) in value.as_object().into_iter().flatten() {
            places(item, rest, &format!("{at}[{name}]"), meet);
        }
    } else {
        let name = step.trim_end_matches('?');
        let at = format!("{at}.{name}");
        let at = at.trim_start_matches('.');
        match value.get(name) {
            None | Some(Value::Null) if step.ends_with('?') => {}
            None => meet(at, None),
            Some(value) => places(value, rest, at, meet),
        }
    }
}

/// Fails if an answer lacks what its clients need.
#[track_caller]
pub(crate) fn assert_keeps(
    method: &Method,
    host: &str,
    path: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) {
    let Some(route) = route_of(method, host, path) else {
        return;
    };
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let has = |name: &str| headers.contains_key(name);
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let called = (route.template, query);
    let found = breaches(method.as_str(), called, status, &has, body.as_ref());
    assert!(found.is_empty(), "{method} {path} {status}: {found:#?}");
}

/// Status, headers and body of a snapshot.
fn kept(name: &str) -> (StatusCode, String, Option<Value>) {
    let path = format!("{}/tests/it/snapshots/{name}", env!("CARGO_MANIFEST_DIR"));
    let file = fs::read_to_string(path).expect("a snapshot");
    let answer = file.splitn(3, "---\n").nth(2).expect("an answer");
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
    let status = head[..3].parse().expect("a status");
    (status, head.to_owned(), serde_json::from_str(body).ok())
}

#[test]
fn every_snapshot_has_what_clients_need_and_every_answer_of_the_table_a_snapshot() {
    let routes = ANSWERS.iter().map(|(.., answer)| text(&answer["route"]));
    let mut unseen: BTreeSet<_> = routes.collect();
    let mut found = Vec::new();
    for (method, template, answer) in ANSWERS.iter() {
        let slug = snapshot_name(method, template);
        let names = crate::snapshot::kept();
        for name in names.iter().filter(|name| {
            name.strip_prefix(&slug)
                .is_some_and(|rest| rest.starts_with('@') || rest == ".snap")
        }) {
            let (status, head, body) = kept(name);
            let has = |wanted: &str| head.contains(&format!("\n{wanted}: "));
            let broken = breaches(method, (template, ""), status, &has, body.as_ref());
            found.extend(broken.iter().map(|breach| format!("{name}: {breach}")));
            let statuses = answer["status"].as_array().expect("a list");
            if statuses.contains(&Value::from(status.as_u16())) {
                unseen.remove(text(&answer["route"]));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(unseen.is_empty(), "answers without a snapshot: {unseen:#?}");
}

#[test]
fn the_check_sees_missing_keys_and_forbidden_nulls() {
    let service = format!("/modelmanagement/v1.0{WORKSPACE}/services/{{service}}");
    let (status, _, body) = kept("GET_modelmanagement_v1.0_services_service@ok.snap");
    let good = body.expect("JSON");
    let check = |body: &Value| breaches("GET", (&service, ""), status, &|_| false, Some(body));
    assert_eq!(check(&good), Vec::<String>::new());
    let mut worse = good.clone();
    worse["updatedTime"] = Value::Null;
    worse["autoScaler"]["minReplicas"].take();
    worse["imageDetails"] = Value::Null;
    worse["models"][0]["datasets"] = Value::Null;
    worse.as_object_mut().expect("an object").remove("kvTags");
    worse["computeType"] = Value::from("AKS");
    let found = check(&worse);
    for name in ["updatedTime", "imageDetails", "datasets", "kvTags"] {
        assert!(
            found.iter().any(|text| text.contains(name)),
            "{name}: {found:?}"
        );
    }
    assert!(
        !found.iter().any(|text| text.contains("minReplicas")),
        "{found:?}"
    );

    let delete = format!("{WORKSPACE}/computes/{{compute}}");
    let found = breaches(
        "DELETE",
        (&delete, ""),
        StatusCode::NO_CONTENT,
        &|_| false,
        None,
    );
    assert_eq!(found, ["header `azure-asyncoperation` is missing"]);
    let list = format!("/rp/workspaces{WORKSPACE}/computes");
    let page = serde_json::json!({"value": [], "nextLink": null});
    let found = breaches("GET", (&list, ""), StatusCode::OK, &|_| false, Some(&page));
    assert_eq!(found, ["`nextLink` must be text or absent, it is null"]);
}
