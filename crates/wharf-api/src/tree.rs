//! How a path finds its route: a tree of segments.
//!
//! Words compare without case and empty segments are skipped, so `//` and a
//! trailing slash change nothing; what stands for a `{name}` keeps its spelling.
//! Nothing is allocated for a look-up.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::refusal::Refusal;

/// Most `{name}`s of one template.
const MOST_CAPTURES: usize = 8;

/// The `{name}`s of a template, in order.
#[derive(Debug, Clone, Copy, Default)]
struct Names {
    names: [&'static str; MOST_CAPTURES],
    count: usize,
    /// The last one stands for the rest of the path, slashes and all.
    has_rest: bool,
}

impl Names {
    /// Names of a template past the limit are not kept; a test walks the table.
    fn push(&mut self, name: &'static str) {
        if let Some(place) = self.names.get_mut(self.count) {
            *place = name;
            self.count += 1;
        }
    }
}

/// Where in the path the `{name}`s of a template were found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Captures {
    names: Names,
    spans: [(u16, u16); MOST_CAPTURES],
}

impl Captures {
    fn raw<'a>(&self, path: &'a str, index: usize) -> &'a str {
        let (start, end) = self.spans[index];
        path.get(usize::from(start)..usize::from(end))
            .unwrap_or_default()
    }

    /// The decoded text for `name`; empty when the template has no such name.
    pub(crate) fn get<'a>(&self, path: &'a str, name: &str) -> Cow<'a, str> {
        let names = &self.names.names[..self.names.count];
        let index = names.iter().position(|known| *known == name);
        let raw = index.map_or("", |index| self.raw(path, index));
        percent_decode_str(raw).decode_utf8_lossy()
    }

    /// Refuses what no name of anything may hold: another encoding than UTF-8,
    /// control characters, a step up, a hidden slash.
    fn check(&self, path: &str) -> Result<(), Refusal> {
        for index in 0..self.names.count {
            let is_rest = self.names.has_rest && index + 1 == self.names.count;
            if !is_plain(self.raw(path, index), is_rest) {
                return Err(Refusal::field(
                    self.names.names[index],
                    "must be UTF-8 without control characters, slashes, `.` or `..`",
                ));
            }
        }
        Ok(())
    }
}

fn is_plain(raw: &str, is_rest: bool) -> bool {
    let Ok(text) = percent_decode_str(raw).decode_utf8() else {
        return false;
    };
    let has_steps = text.split('/').any(|part| matches!(part, "." | ".."));
    let has_hidden = !is_rest && text.contains(['/', '\\']);
    !has_steps && !has_hidden && !text.contains(char::is_control)
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) struct Found<T> {
    /// What stands at its end.
    pub(crate) end: T,
    /// Its `{name}`s.
    pub(crate) captures: Captures,
}

struct Leaf<T> {
    methods: Vec<(Method, T)>,
    names: Names,
}

/// Routes by their paths.
pub(crate) struct Tree<T> {
    words: Vec<(&'static str, Tree<T>)>,
    any: Option<Box<Tree<T>>>,
    leaf: Option<Leaf<T>>,
    rest: Option<Leaf<T>>,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self {
            words: Vec::new(),
            any: None,
            leaf: None,
            rest: None,
        }
    }
}

impl<T: Copy> Tree<T> {
    /// Adds `template`: words, `{name}` for one segment, `{*name}` for the rest.
    pub(crate) fn insert(&mut self, method: &Method, template: &'static str, end: T) {
        let mut names = Names::default();
        let mut node = self;
        for segment in template.split('/').filter(|segment| !segment.is_empty()) {
            let name = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}'));
            if let Some(name) = name {
                names.push(name.trim_start_matches('*'));
            }
            node = match name {
                Some(name) if name.starts_with('*') => {
                    names.has_rest = true;
                    node.rest
                        .get_or_insert_with(|| Leaf::new(names))
                        .methods
                        .push((method.clone(), end));
                    return;
                }
                Some(_) => node.any.get_or_insert_with(Box::default),
                None => {
                    let known = node.words.iter().position(|(word, _)| *word == segment);
                    let index = known.unwrap_or_else(|| {
                        node.words.push((segment, Tree::default()));
                        node.words.len() - 1
                    });
                    &mut node.words[index].1
                }
            };
        }
        node.leaf
            .get_or_insert_with(|| Leaf::new(names))
            .methods
            .push((method.clone(), end));
    }

    /// What `method` and `path` lead to. HEAD is answered where GET is.
    ///
    /// # Errors
    /// 404, 405, or 400 for a path with steps or hidden slashes in it.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<Found<T>, Refusal> {
        if path.len() > usize::from(u16::MAX) {
            return Err(Refusal::no_route("(a very long path)"));
        }
        let mut spans = [(0, 0); MOST_CAPTURES];
        let Some(leaf) = self.walk(path, 0, &mut spans, 0) else {
            return Err(Refusal::no_route(path));
        };
        let captures = Captures {
            names: leaf.names,
            spans,
        };
        captures.check(path)?;
        let with = |wanted: &Method| leaf.methods.iter().find(|(known, _)| known == wanted);
        let found =
            with(method).or_else(|| (method == Method::HEAD).then(|| with(&Method::GET))?);
        match found {
            Some((_, end)) => Ok(Found {
                end: *end,
                captures,
            }),
            None => {
                let allowed: Vec<_> = leaf.methods.iter().map(|(m, _)| m.clone()).collect();
                Err(Refusal::wrong_method(method, &allowed))
            }
        }
    }

    fn walk(
        &self,
        path: &str,
        from: usize,
        spans: &mut [(u16, u16); MOST_CAPTURES],
        captured: usize,
    ) -> Option<&Leaf<T>> {
        let rest = &path[from..];
        let start = from + rest.bytes().take_while(|byte| *byte == b'/').count();
        if start == path.len() {
            return self.leaf.as_ref();
        }
        let end = path[start..]
            .find('/')
            .map_or(path.len(), |length| start + length);
        let segment = &path[start..end];
        let word = self
            .words
            .iter()
            .filter(|(word, _)| word.eq_ignore_ascii_case(segment))
            .find_map(|(_, node)| node.walk(path, end, spans, captured));
        if word.is_some() {
            return word;
        }
        // `find` has refused paths that do not fit.
        let span = |end: usize| {
            let to_u16 = |at| u16::try_from(at).unwrap_or(u16::MAX);
            (to_u16(start), to_u16(end))
        };
        if let Some(node) = &self.any {
            spans[captured] = span(end);
            if let Some(leaf) = node.walk(path, end, spans, captured + 1) {
                return Some(leaf);
            }
        }
        let leaf = self.rest.as_ref()?;
        spans[captured] = span(path.len());
        Some(leaf)
    }
}

impl<T> Leaf<T> {
    fn new(names: Names) -> Self {
        Self {
            methods: Vec::new(),
            names,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn tree() -> Tree<u8> {
        let mut tree = Tree::default();
        for (method, template, end) in [
            (Method::GET, "/subscriptions", 1),
            (
                Method::GET,
                "/subscriptions/{subscription}/groups/{group}",
                2,
            ),
            (
                Method::PUT,
                "/subscriptions/{subscription}/groups/{group}",
                3,
            ),
            (
                Method::GET,
                "/subscriptions/{subscription}/groups/special/keys",
                4,
            ),
            (Method::GET, "/files/{container}/{*path}", 5),
            (Method::GET, "/files/{container}", 6),
        ] {
            tree.insert(&method, template, end);
        }
        tree
    }

    #[test]
    fn words_compare_without_case_and_empty_segments_do_not_count() {
        for (path, end, name, value) in [
            ("/SubScriptions//", 1, "subscription", ""),
            ("//subscriptions/S/GROUPS/Rg/", 2, "group", "Rg"),
            ("/subscriptions/S/groups/special", 2, "group", "special"),
            (
                "/subscriptions/S/groups/special/keys",
                4,
                "subscription",
                "S",
            ),
            ("/subscriptions/S/groups/a%20b", 2, "group", "a b"),
            ("/files/C/a//b%2Fc/", 5, "path", "a//b/c/"),
            ("/files/C", 6, "container", "C"),
            ("/files/C/x", 5, "container", "C"),
        ] {
            let found = tree().find(&Method::GET, path).expect(path);
            assert_eq!(found.end, end, "{path}");
            assert_eq!(found.captures.get(path, name), value, "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_from_what_is_not_allowed() {
        for (method, path, status) in [
            (Method::GET, "/", StatusCode::NOT_FOUND),
            (Method::GET, "/subscription", StatusCode::NOT_FOUND),
            (Method::GET, "/subscriptions/s", StatusCode::NOT_FOUND),
            (
                Method::GET,
                "/subscriptions/s/groups/g/x",
                StatusCode::NOT_FOUND,
            ),
            (
                Method::POST,
                "/subscriptions",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            (
                Method::GET,
                "/subscriptions/s/groups/..",
                StatusCode::BAD_REQUEST,
            ),
            (
                Method::GET,
                "/subscriptions/s/groups/a%2Fb",
                StatusCode::BAD_REQUEST,
            ),
            (
                Method::GET,
                "/subscriptions/s/groups/a%5Cb",
                StatusCode::BAD_REQUEST,
            ),
            (
                Method::GET,
                "/subscriptions/s/groups/a%0Ab",
                StatusCode::BAD_REQUEST,
            ),
            (Method::GET, "/files/C/a/%2e%2e/b", StatusCode::BAD_REQUEST),
            (Method::GET, "/files/C/a%2F..%2Fb", StatusCode::BAD_REQUEST),
        ] {
            let refusal = tree().find(&method, path).expect_err(path);
            assert_eq!(refusal.status, status, "{path}");
        }
        let found = tree().find(&Method::HEAD, "/subscriptions").expect("GET's");
        assert_eq!(found.end, 1);
    }
}
