//! Keeps whole answers: status, headers that matter, body.
//!
//! A snapshot's file is named after its route and a case, so that the coverage
//! test can tell which routes have one.

use http::Method;
use wharf_api::router::{self, Route, routes};

use crate::surface::{Answer, FILTERS, snapshot_name};

/// What stands before the `@` in the names of a route's snapshots.
pub(crate) fn slug(route: &Route) -> String {
    snapshot_name(route.method.as_str(), route.template)
}

/// The route that answers: the one with most words that fits.
pub(crate) fn route_of(method: &Method, host: &str, path: &str) -> Option<&'static Route> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_blob = host.split('.').nth(1) == Some("blob");
    let fits = |route: &&Route| {
        let words: Vec<_> = route
            .template
            .split('/')
            .filter(|word| !word.is_empty())
            .collect();
        let has_rest = words.last().is_some_and(|word| word.starts_with("{*"));
        (route.surface == router::Surface::Blob) == is_blob
            && (words.len() == parts.len() || has_rest && words.len() <= parts.len())
            && words
                .iter()
                .zip(&parts)
                .all(|(word, part)| word.starts_with('{') || word.eq_ignore_ascii_case(part))
    };
    let exact = |route: &&Route| route.method == *method;
    let words = |route: &&Route| -(route.template.matches('{').count() as i64);
    let found = routes().iter().filter(fits);
    found.clone().filter(exact).max_by_key(words).or_else(|| {
        let get = |route: &&Route| *method == Method::HEAD && route.method == Method::GET;
        found.filter(get).max_by_key(words)
    })
}

/// Compares an answer with the one that was kept under `case`.
#[track_caller]
pub(crate) fn assert_answer(case: &str, answer: &Answer) {
    let route = route_of(&answer.method, &answer.host, &answer.path)
        .unwrap_or_else(|| panic!("no route for {} {}", answer.method, answer.path));
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots");
    settings.set_omit_expression(true);
    for (pattern, shown) in FILTERS {
        settings.add_filter(pattern, shown);
    }
    let name = format!("{}@{}", slug(route), case.replace(' ', "-"));
    settings.bind(|| insta::assert_snapshot!(name, answer.shown()));
}

/// The names of all snapshots that are kept.
pub(crate) fn kept() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots");
    let entries = std::fs::read_dir(folder).expect("the snapshots");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| name.into_string().expect("UTF-8"))
        .filter(|name| name.ends_with(".snap"))
        .collect()
}
