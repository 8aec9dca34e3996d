//! How SQLite means to run each query that the sources hold: along an index, never
//! over a whole table that grows, and nothing is sorted.
//!
//! Queries are taken from the sources themselves, so that none is forgotten. The walk
//! of [`crate::check`] reads all rows on purpose and is left out.

use std::{fs, path::Path};

use sqlx::{AssertSqlSafe, Execute as _, QueryBuilder, Row as _, Sqlite};
use uuid::Uuid;
use wharf_core::model::ModelId;

use crate::{
    Session,
    endpoint_terms::{self, Term, TermKind},
    models,
    tests::fixture,
};

/// Queries that may read all of something, by how they begin, each with the reason.
const MAY_SCAN: &[(&str, &str)] = &[
    (
        "SELECT compute FROM compute_certificates ORDER BY compute",
        "all of them, at the start",
    ),
    (
        "SELECT id FROM endpoints ORDER BY id",
        "all of them, at the start",
    ),
    (
        "SELECT id FROM computes WHERE is_settled = 0",
        "an index of those under way alone",
    ),
    (
        "SELECT id FROM endpoints WHERE is_settled = 0",
        "an index of those under way alone",
    ),
    (
        "SELECT id FROM managed_clusters WHERE is_going = 1",
        "an index of those that go alone",
    ),
    (
        "SELECT count(*) AS n FROM operations WHERE is_open = 1",
        "an index of the open ones alone",
    ),
    (
        "SELECT * FROM principals ORDER BY display_name",
        "at most MOST_PRINCIPALS",
    ),
    (
        "SELECT * FROM role_assignments ORDER BY",
        "all of them, after a change of roles",
    ),
    (
        "SELECT models.* FROM (SELECT * FROM models WHERE",
        "sorts one page",
    ),
    (
        "WITH RECURSIVE names (name) AS ( SELECT MIN(name) FROM environments",
        "sorts one page",
    ),
    (
        "SELECT kind, used, most FROM usage_over",
        "empty but for a moment",
    ),
    (
        "SELECT * FROM subscriptions ORDER BY id",
        "a server has a few",
    ),
    (
        "SELECT DISTINCT tables.name AS name, keys.",
        "the schema, when a workspace is deleted",
    ),
];

/// Every text of a source file that is a query, with the line where it begins.
fn queries(source: &str) -> Vec<(usize, String)> {
    let code = source
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let mut found = Vec::new();
    let (mut rest, mut line) = (code, 1);
    // Comments may hold a single quotation mark.
    while let Some(at) = rest.find(['"', '/']) {
        line += rest[..at].matches('\n').count();
        rest = &rest[at..];
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        }
        let is_char =
            code[..code.len() - rest.len()].ends_with('\'') && rest[1..].starts_with('\'');
        if rest.starts_with('/') || is_char {
            rest = &rest[1..];
            continue;
        }
        let mut end = 1;
        while !rest[end..].starts_with('"') {
            end += if rest[end..].starts_with('\\') { 2 } else { 1 };
            while !rest.is_char_boundary(end) {
                end += 1;
            }
        }
        let text = &rest[1..end];
        let word = text.split_ascii_whitespace().next().unwrap_or_default();
        if ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"].contains(&word) {
            let text = text.replace("\\\n", " ").replace("\\\"", "\"");
            found.push((line, text));
        }
        line += text.matches('\n').count();
        rest = &rest[end + 1..];
    }
    found
}

fn of_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Queries that are put together when they run, in each of their shapes.
fn built() -> Vec<String> {
    let workspace = Uuid::nil();
    let after: ModelId = ModelId {
        name: "iris".parse().expect("a name"),
        version: 3,
    };
    let mut built: Vec<QueryBuilder<Sqlite>> = Vec::new();
    for name in [None, Some("iris")] {
        for after in [None, Some(&after)] {
            for (mut query, order) in [
                models::newest(&workspace, name, after),
                models::with_term(&workspace, "f=Onnx", name, after),
                models::every(&workspace, name, after, 10),
            ] {
                // A list of all has no term.
                if !query.sql().as_str().contains("true") {
                    models::and_term(&mut query, "t?stage".to_owned());
                }
                query.push(order).push(" LIMIT ").push_bind(10);
                built.push(query);
            }
        }
    }
    let term = |kind, value: Option<&str>| Term {
        kind,
        name: "stage".to_owned(),
        value: value.map(str::to_owned),
    };
    for terms in [
        vec![term(TermKind::Tag, None)],
        vec![term(TermKind::Tag, Some("gold"))],
        vec![term(TermKind::Version, None)],
        vec![
            term(TermKind::Model, Some("1")),
            term(TermKind::Tag, None),
            term(TermKind::Property, Some("gold")),
        ],
    ] {
        built.push(endpoint_terms::query(&workspace, &terms, "", 10));
    }
    let text = |mut query: QueryBuilder<Sqlite>| query.build().sql().as_str().to_owned();
    built.into_iter().map(text).collect()
}

/// The steps of a plan, or why there is none.
async fn plan(session: &mut Session, query: &str) -> Result<Vec<String>, sqlx::Error> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"));
    let rows = sqlx::query(explain).fetch_all(session.db()).await?;
    rows.iter().map(|row| row.try_get("detail")).collect()
}

/// What a plan should not do. Tables of a query's own (`names`, `entry`, a constant
/// row) are as long as what it was given.
fn costly(steps: &[String], tables: &[String]) -> Vec<String> {
    let is_costly = |step: &&String| {
        let scanned = step.strip_prefix("SCAN ");
        let table = scanned.and_then(|rest| rest.split_ascii_whitespace().next());
        table.is_some_and(|it| tables.iter().any(|known| known == it))
            || step.contains("TEMP B-TREE FOR ORDER BY")
            || step.contains("PART OF ORDER BY")
            || step.contains("AUTOMATIC")
    };
    steps.iter().filter(is_costly).cloned().collect()
}

#[tokio::test]
async fn every_query_of_the_sources_runs_along_an_index() {
    let fixture = fixture().await;
    let mut session = fixture.store.read().await.expect("a session");
    let rows = sqlx::query("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .fetch_all(session.db())
        .await
        .expect("the schema");
    // Aliases that stand for tables are looked at too.
    let mut tables: Vec<String> = rows.iter().map(|row| row.get("name")).collect();
    tables.extend(["first", "other", "found", "used", "label", "tables"].map(str::to_owned));

    let built = built();
    let mut all: Vec<(String, String)> = Vec::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(sources).expect("the sources") {
        let path = entry.expect("a file").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() || name.ends_with("tests.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).expect("text");
        for (line, query) in queries(&source) {
            all.push((format!("{name}:{line}"), query));
        }
    }
    assert!(
        all.len() > 100,
        "the sources have more queries than {}",
        all.len()
    );

    let mut wrong = Vec::new();
    let mut allowed = vec![false; MAY_SCAN.len()];
    for (place, query) in &all {
        let line = of_one_line(query);
        let steps = match plan(&mut session, query).await {
            Ok(steps) => steps,
            Err(_) if built.iter().any(|it| of_one_line(it).starts_with(&line)) => continue,
            Err(_) if BEGUN.iter().any(|it| line.starts_with(it)) => continue,
            Err(error) => {
                wrong.push(format!("{place}: {line}: {error}; add it to `built`"));
                continue;
            }
        };
        let costly = costly(&steps, &tables);
        let exception = MAY_SCAN
            .iter()
            .position(|(begin, _)| line.starts_with(begin));
        match exception {
            Some(index) if !costly.is_empty() => allowed[index] = true,
            _ => wrong.extend(
                costly
                    .into_iter()
                    .map(|it| format!("{place}: {it}: {line}")),
            ),
        }
    }
    for query in &built {
        let line = of_one_line(query);
        let steps = plan(&mut session, query).await.expect("a whole query");
        let costly = costly(&steps, &tables);
        let exception = MAY_SCAN
            .iter()
            .position(|(begin, _)| line.starts_with(begin));
        match exception {
            Some(index) if !costly.is_empty() => allowed[index] = true,
            _ => wrong.extend(costly.into_iter().map(|it| format!("{it}: {line}"))),
        }
    }
    for ((begin, _), allowed) in MAY_SCAN.iter().zip(allowed) {
        if !allowed {
            wrong.push(format!("no query needs this exception any more: {begin}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Beginnings of statements that are whole only when they run and look nothing up.
const BEGUN: &[&str] = &[
    "INSERT INTO model_terms (model, term, workspace, name, newest_first)",
    "DELETE FROM \"{name}\" WHERE \"{member}\" = ?",
];

#[test]
fn queries_are_found_in_sources() {
    let source = "// it's \"SELECT no\"\nlet a = \"SELECT 1\n  FROM \\\"t\\\"\"; // \"SELECT 2\"\n\
        let b = \"not SELECT\"; let c = 1 / 2; f(\"DELETE FROM t\")\n\
        #[cfg(test)]\nmod tests { \"SELECT 3\" }";
    let found = queries(source);
    let wanted = [(2, "SELECT 1\n  FROM \"t\""), (4, "DELETE FROM t")];
    assert_eq!(found, wanted.map(|(line, text)| (line, text.to_owned())));
}
