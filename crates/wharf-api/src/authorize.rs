//! What a route does to what: the action and the resource that roles are about.
//!
//! Both follow from the method and the template as in ARM, so that a new route needs
//! nothing here: `PUT …/workspaces/{workspace}/computes/{compute}` is
//! `Microsoft.MachineLearningServices/workspaces/computes/write` on that compute, and
//! `POST …/{compute}/listKeys` is `…/workspaces/computes/listKeys/action`.

use http::Method;
use wharf_core::{
    access::{Reach, Scope, decide},
    workspace::Caller,
};

use crate::{
    refusal::Refusal,
    router::{Route, Surface},
    tree::Captures,
};

/// What anybody reads who can sign in; each gives what the caller may see.
const FOR_EVERYBODY: [&str; 2] = ["/tenants", "/subscriptions"];
/// The provider of what has none in its path.
const RESOURCES: &str = "Microsoft.Resources";
/// What a sign-in is called.
const SIGN_IN: &str = "Wharf.Authorization/signIn/action";
/// What blobs are called.
const BLOBS: &str = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs";
/// Segments of `/subscriptions/ID` and of `/subscriptions/ID/resourceGroups/GROUP`.
const SUBSCRIPTION: usize = 2;
const GROUP: usize = 4;

/// One segment of a template.
#[derive(Debug, Clone, Copy)]
enum Word {
    Fixed(&'static str),
    Name(&'static str),
}

impl Word {
    fn of(segment: &'static str) -> Self {
        let name = segment
            .strip_prefix('{')
            .and_then(|it| it.strip_suffix('}'));
        match name {
            Some(name) => Self::Name(name.trim_start_matches('*')),
            None => Self::Fixed(segment),
        }
    }

    fn is_fixed(self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}

/// How far from the resource a role may be held; see [`Reach`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Distance {
    Exact,
    /// The first so many segments are a place whose contents are filtered.
    Within(usize),
    Everybody,
}

/// What a route does to what.
#[derive(Debug)]
pub(crate) struct Target {
    action: String,
    resource: Vec<Word>,
    distance: Distance,
}

/// A request's action and its resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// As roles name it.
    pub(crate) action: String,
    /// The resource's id with the names as they were written, for people.
    pub(crate) resource: String,
    /// The same, canonical: what is decided on.
    pub(crate) scope: Scope,
}

impl Target {
    pub(crate) fn of(route: &Route) -> Self {
        let words = route.template.split('/').filter(|word| !word.is_empty());
        let words: Vec<_> = words.map(Word::of).collect();
        let is = |word: &Word, text: &str| matches!(word, Word::Fixed(it) if *it == text);
        // What stands before is the name of a service, no part of the resource.
        let start = words.iter().position(|word| is(word, "subscriptions"));
        let mut words = words.get(start.unwrap_or(0)..).unwrap_or_default().to_vec();
        let ends_fixed = words.last().is_some_and(|word| word.is_fixed());
        let makes_child = route.surface == Surface::V1
            && matches!(
                words.as_slice(),
                [.., Word::Name("workspace"), Word::Fixed(_)]
            );
        let is_verb = route.method == Method::POST && ends_fixed && !makes_child;
        let verb = match (&route.method, words.last()) {
            (&Method::POST, Some(Word::Fixed(verb))) if is_verb => {
                let verb = format!("{verb}/action");
                words.pop();
                verb
            }
            (&Method::GET | &Method::HEAD, _) => "read".to_owned(),
            (&Method::DELETE, _) => "delete".to_owned(),
            _ => "write".to_owned(),
        };
        let provider = words.iter().rposition(|word| is(word, "providers"));
        let (provider, types) = match provider.map(|at| (words.get(at + 1), at + 2)) {
            Some((Some(Word::Fixed(provider)), types)) => (*provider, types),
            // A list of providers, or one of them.
            _ => (RESOURCES, 0),
        };
        let mut action = provider.to_owned();
        for word in words.iter().skip(types) {
            if let Word::Fixed(kind) = word {
                action.push('/');
                action.push_str(kind);
            }
        }
        action.push('/');
        action.push_str(&verb);
        // No roles are about these; the audit log names them.
        match route.surface {
            Surface::SignIn => action = SIGN_IN.to_owned(),
            Surface::Blob => action = format!("{BLOBS}/{verb}"),
            Surface::Arm | Surface::V1 => {}
        }
        let has_group = words.len() >= GROUP && is(&words[SUBSCRIPTION], "resourceGroups");
        let place = if has_group { GROUP } else { SUBSCRIPTION };
        let names_resource = has_group
            && words
                .get(GROUP + 2..)
                .is_some_and(|rest| rest.iter().any(|word| !word.is_fixed()));
        let is_read = route.method == Method::GET || route.method == Method::HEAD;
        let distance = match is_read {
            true if FOR_EVERYBODY.contains(&route.template) => Distance::Everybody,
            true if start.is_some() && !names_resource && words.len() >= SUBSCRIPTION => {
                Distance::Within(place)
            }
            _ => Distance::Exact,
        };
        // A list is a matter of what holds it.
        let mut resource = words;
        while resource.last().is_some_and(|word| word.is_fixed()) {
            resource.pop();
        }
        if matches!(
            resource.as_slice(),
            [.., Word::Fixed("providers"), Word::Name(_)]
        ) {
            resource.truncate(resource.len() - 2);
        }
        Self {
            action,
            resource,
            distance,
        }
    }

    /// What a request with these names asks for.
    pub(crate) fn asked(&self, path: &str, captures: &Captures) -> Asked {
        let segments: Vec<_> = self
            .resource
            .iter()
            .map(|word| match word {
                Word::Fixed(text) => (*text).into(),
                Word::Name(name) => captures.get(path, name),
            })
            .collect();
        let mut resource = String::new();
        for segment in &segments {
            resource.push('/');
            resource.push_str(segment);
        }
        Asked {
            action: self.action.clone(),
            scope: Scope::of_segments(segments.iter().map(AsRef::as_ref)),
            resource: if resource.is_empty() {
                "/".to_owned()
            } else {
                resource
            },
        }
    }

    /// Whether `caller` may.
    ///
    /// # Errors
    /// 403 in ARM's words, with action and scope.
    pub(crate) fn authorize(&self, caller: &Caller, asked: &Asked) -> Result<(), Refusal> {
        let reach = match self.distance {
            Distance::Exact => Reach::Exact,
            Distance::Everybody => Reach::Everybody,
            Distance::Within(count) => {
                let scope = asked.scope.as_str();
                let segments = scope.split('/').filter(|segment| !segment.is_empty());
                Reach::Within(Scope::of_segments(segments.take(count)))
            }
        };
        if decide(&caller.assignments, &asked.action, &asked.scope, &reach) {
            return Ok(());
        }
        Err(Refusal::new(
            http::StatusCode::FORBIDDEN,
            "AuthorizationFailed",
            format!(
                "The client '{}' with object id '{}' does not have authorization to perform action \
                 '{}' over scope '{}' or the scope is invalid. If access was recently granted, \
                 please refresh your credentials.",
                caller.principal.display_name, caller.principal.id, asked.action, asked.resource
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::routes;

    fn target(method: &str, template: &str) -> Target {
        let found = routes()
            .iter()
            .find(|route| route.method.as_str() == method && route.template.ends_with(template));
        Target::of(found.unwrap_or_else(|| panic!("no route {method} {template}")))
    }

    #[test]
    fn an_action_is_what_arm_calls_it() {
        const ML: &str = "Microsoft.MachineLearningServices/workspaces";
        for (method, template, action) in [
            (
                "GET",
                "/workspaces/{workspace}/computes/{compute}",
                format!("{ML}/computes/read"),
            ),
            ("PUT", "/computes/{compute}", format!("{ML}/computes/write")),
            (
                "POST",
                "/computes/{compute}/listKeys",
                format!("{ML}/computes/listKeys/action"),
            ),
            (
                "POST",
                "/workspaces/{workspace}/services",
                format!("{ML}/services/write"),
            ),
            (
                "POST",
                "/services/{service}/listkeys",
                format!("{ML}/services/listkeys/action"),
            ),
            ("DELETE", "/models/{model}", format!("{ML}/models/delete")),
            (
                "POST",
                "/artifacts/batch/metadata/{origin}/{container}",
                format!("{ML}/artifacts/batch/metadata/write"),
            ),
            (
                "GET",
                "/resourceGroups/{group}",
                "Microsoft.Resources/subscriptions/resourceGroups/read".into(),
            ),
            (
                "GET",
                "/subscriptions",
                "Microsoft.Resources/subscriptions/read".into(),
            ),
        ] {
            assert_eq!(target(method, template).action, action);
        }
    }

    #[test]
    fn a_list_is_a_matter_of_what_holds_it() {
        let shown = |target: &Target| {
            let word = |word: &Word| match word {
                Word::Fixed(text) | Word::Name(text) => (*text).to_owned(),
            };
            target
                .resource
                .iter()
                .map(word)
                .collect::<Vec<_>>()
                .join("/")
        };
        let list = target("GET", "/workspaces/{workspace}/computes");
        assert!(shown(&list).ends_with("workspaces/workspace"));
        assert_eq!(list.distance, Distance::Exact);
        for (template, distance) in [
            (
                "{subscription}/providers/{provider}",
                Distance::Within(SUBSCRIPTION),
            ),
            (
                "{subscription}/resourceGroups",
                Distance::Within(SUBSCRIPTION),
            ),
            (
                "{group}/providers/Microsoft.ContainerService/managedClusters",
                Distance::Within(GROUP),
            ),
            ("/managedClusters/{cluster}", Distance::Exact),
            ("/tenants", Distance::Everybody),
        ] {
            assert_eq!(target("GET", template).distance, distance, "{template}");
        }
    }
}
