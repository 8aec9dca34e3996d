//! Who may do what: roles, where they hold, and the one decision over both.
//!
//! The roles are Azure's built-in ones, with their rules
//! (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>).
//! A role holds at a [`Scope`] and everywhere below it.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Longest scope that is looked at, in bytes; as for a resource id.
const LONGEST_SCOPE: usize = 2_048;

/// What somebody may do, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads everything but secrets.
    Reader,
    /// Reads and changes everything, and hands out no roles.
    Contributor,
    /// Everything.
    Owner,
}

impl Role {
    /// All roles, the weakest first.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Contributor, Self::Owner];

    /// Its name, as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "Reader",
            Self::Contributor => "Contributor",
            Self::Owner => "Owner",
        }
    }

    /// Whether the role has `action`, for example
    /// `Microsoft.MachineLearningServices/workspaces/computes/write`. What hands out a
    /// secret is an action (`…/listKeys/action`) and never a read.
    pub fn permits(self, action: &str) -> bool {
        let is_read = ends_with(action, "/read");
        match self {
            Self::Reader => is_read,
            Self::Contributor => is_read || !is_about_access(action),
            Self::Owner => true,
        }
    }
}

/// Whether the action says who may do what.
fn is_about_access(action: &str) -> bool {
    let provider = action.split('/').next().unwrap_or_default();
    provider.to_ascii_lowercase().ends_with(".authorization")
}

fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    start
        .and_then(|start| text.get(start..))
        .is_some_and(|rest| rest.eq_ignore_ascii_case(end))
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be `Reader`, `Contributor` or `Owner`")]
pub struct InvalidRole;

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str().eq_ignore_ascii_case(text))
            .ok_or(InvalidRole)
    }
}

/// Where a role holds: everything, a subscription, a resource group, a resource.
///
/// Kept in the one canonical form in which two spellings of an id are equal: small
/// letters, a subscription as a hyphenated GUID, no doubled or trailing slash. The
/// store compares names in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(String);

/// The text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `/`, or /subscriptions/ID with /resourceGroups/GROUP and \
     /providers/NAMESPACE/TYPE/NAME behind it"
)]
pub struct InvalidScope;

impl Scope {
    /// Everything that this server has.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// A subscription.
    pub fn subscription(id: Uuid) -> Self {
        Self(format!("/subscriptions/{}", id.hyphenated()))
    }

    /// A scope out of the segments of a path, which were taken apart and decoded
    /// already. A name holds no slash, as whoever took the path apart has seen to.
    pub fn of_segments<'a>(segments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        let mut before = "";
        for segment in segments {
            text.push('/');
            match Uuid::try_parse(segment) {
                Ok(id) if before.eq_ignore_ascii_case("subscriptions") => {
                    text.push_str(&id.hyphenated().to_string());
                }
                _ => text.extend(segment.chars().map(|c| c.to_ascii_lowercase())),
            }
            before = segment;
        }
        if text.is_empty() {
            Self::root()
        } else {
            Self(text)
        }
    }

    /// The canonical form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this scope or lies in it.
    pub fn contains(&self, other: &Self) -> bool {
        match other.0.strip_prefix(&self.0) {
            _ if self.0 == "/" => true,
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    /// Takes what a person writes: any case, doubled and trailing slashes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_odd = |c: char| c.is_control() || matches!(c, '%' | '\\' | '?' | '#');
        if !text.starts_with('/') || text.len() > LONGEST_SCOPE || text.contains(is_odd) {
            return Err(InvalidScope);
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        let word = |at: usize, word: &str| {
            parts
                .get(at)
                .is_none_or(|part| part.eq_ignore_ascii_case(word))
        };
        let is_known = match parts.len() {
            0 | 2 | 4 => true,
            // A provider, then pairs of type and name.
            count => count >= 8 && count.is_multiple_of(2),
        };
        let has_steps = parts.iter().any(|part| matches!(*part, "." | ".."));
        let has_words =
            word(0, "subscriptions") && word(2, "resourceGroups") && word(4, "providers");
        let is_id = parts.get(1).is_none_or(|id| Uuid::try_parse(id).is_ok());
        if is_known && has_words && is_id && !has_steps {
            Ok(Self::of_segments(parts))
        } else {
            Err(InvalidScope)
        }
    }
}

/// A role that somebody has somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its own id.
    pub id: Uuid,
    /// Who has it: the object id of a principal.
    pub principal: Uuid,
    /// What.
    pub role: Role,
    /// Where.
    pub scope: Scope,
}

/// How far from the scope of a request a role may be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// At the scope or above it.
    Exact,
    /// Also anywhere below this scope: a list that shows what the caller may read, and
    /// names of places that hold something of the caller's.
    Within(Scope),
    /// Whoever can sign in.
    Everybody,
}

/// Whether somebody with these roles may do `action` at `scope`.
pub fn decide(assignments: &[Assignment], action: &str, scope: &Scope, reach: &Reach) -> bool {
    let holds = |held: &Scope| {
        held.contains(scope)
            || match reach {
                Reach::Exact => false,
                Reach::Within(place) => place.contains(held),
                Reach::Everybody => true,
            }
    };
    matches!(reach, Reach::Everybody)
        || assignments
            .iter()
            .any(|held| held.role.permits(action) && holds(&held.scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-4000-8000-0000000000ab";

    fn scope(rest: &str) -> Scope {
        format!("{SUBSCRIPTION}{rest}").parse().expect("a scope")
    }

    fn assignment(role: Role, scope: Scope) -> Assignment {
        Assignment {
            id: Uuid::from_u128(1),
            principal: Uuid::from_u128(2),
            role,
            scope,
        }
    }

    #[test]
    fn a_role_has_azures_actions() {
        for (action, reader, contributor) in [
            (
                "Microsoft.MachineLearningServices/workspaces/read",
                true,
                true,
            ),
            (
                "Microsoft.MachineLearningServices/workspaces/computes/WRITE",
                false,
                true,
            ),
            (
                "Microsoft.MachineLearningServices/workspaces/computes/listKeys/action",
                false,
                true,
            ),
            (
                "Microsoft.ContainerService/managedClusters/delete",
                false,
                true,
            ),
            ("Microsoft.Authorization/roleAssignments/read", true, true),
            (
                "Microsoft.Authorization/roleAssignments/write",
                false,
                false,
            ),
            (
                "microsoft.authorization/roleAssignments/delete",
                false,
                false,
            ),
            (
                "Wharf.Authorization/principals/renewSecret/action",
                false,
                false,
            ),
            ("read", false, true),
        ] {
            assert_eq!(Role::Reader.permits(action), reader, "{action}");
            assert_eq!(Role::Contributor.permits(action), contributor, "{action}");
            assert!(Role::Owner.permits(action), "{action}");
        }
    }

    #[test]
    fn a_scope_contains_what_lies_below_it_and_no_namesake() {
        let group = scope("/resourceGroups/rg");
        for inside in [
            "/resourceGroups/RG",
            "/resourcegroups/rg/providers/Microsoft.X/types/a",
        ] {
            assert!(group.contains(&scope(inside)), "{inside}");
            assert!(Scope::root().contains(&scope(inside)));
            assert!(scope("").contains(&scope(inside)));
        }
        for outside in ["", "/resourceGroups/rg2", "/resourceGroups/r"] {
            assert!(!group.contains(&scope(outside)), "{outside}");
        }
        assert!(!group.contains(&Scope::root()));
    }

    #[test]
    fn what_is_not_a_scope_is_refused() {
        let long = format!(
            "{SUBSCRIPTION}/resourceGroups/{}",
            "g".repeat(LONGEST_SCOPE)
        );
        for text in [
            "",
            "subscriptions",
            "/subscriptions",
            "/subscriptions/x",
            "/groups/a",
            "/subscriptions/00000000-0000-4000-8000-0000000000ab/resourceGroups",
            "/subscriptions/00000000-0000-4000-8000-0000000000ab/resourceGroups/..",
            "/subscriptions/00000000-0000-4000-8000-0000000000ab/resourceGroups/a%2fb",
            "/subscriptions/00000000-0000-4000-8000-0000000000ab/resourceGroups/a/providers/b",
            &long,
        ] {
            assert_eq!(text.parse::<Scope>(), Err(InvalidScope), "{text}");
        }
        assert_eq!("//".parse(), Ok(Scope::root()));
    }

    #[test]
    fn a_role_below_opens_what_is_filtered_and_nothing_else() {
        let workspace = scope("/resourceGroups/rg/providers/Microsoft.X/workspaces/a");
        let held = [assignment(Role::Reader, workspace.clone())];
        let read = "Microsoft.X/workspaces/read";
        let group = scope("/resourceGroups/rg");
        let other = scope("/resourceGroups/other");
        assert!(decide(&held, read, &workspace, &Reach::Exact));
        assert!(!decide(&held, read, &group, &Reach::Exact));
        assert!(decide(&held, read, &group, &Reach::Within(group.clone())));
        assert!(!decide(&held, read, &other, &Reach::Within(other.clone())));
        let write = "Microsoft.X/workspaces/write";
        assert!(!decide(&held, write, &group, &Reach::Within(group.clone())));
        assert!(decide(&[], read, &group, &Reach::Everybody));
        assert!(!decide(&[], read, &group, &Reach::Exact));
    }
}
