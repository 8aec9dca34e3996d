//! Subscriptions, resource groups, workspaces and principals: where things live
//! and who asks.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    access::{self, Assignment, Reach, Scope},
    compute::check_labels,
    finding::Finding,
    limits::{LONGEST_DESCRIPTION, LONGEST_NAME, MOST_KEPT_OF_RESOURCE},
    name::WorkspaceName,
    resource_id::ResourceId,
};

/// A subscription of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id, a GUID.
    pub id: Uuid,
    /// What people read.
    pub display_name: String,
    /// The tenant it belongs to.
    pub tenant: Uuid,
}

impl Subscription {
    /// Where roles on it are held.
    pub fn scope(&self) -> Scope {
        Scope::subscription(self.id)
    }
}

/// A resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceGroup {
    /// The subscription it is in.
    pub subscription: Uuid,
    /// Its name as first written.
    pub name: String,
    /// Its location.
    pub location: String,
    /// Labels of the user.
    pub tags: BTreeMap<String, String>,
}

impl ResourceGroup {
    /// Its ARM id.
    pub fn resource_id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}",
            self.subscription, self.name
        )
    }
}

/// A PUT of a resource group, parsed but not checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceGroupRequest {
    /// Its location; a group that is there keeps its own.
    pub location: Option<String>,
    /// Labels of the user; none leaves them as they are.
    pub tags: Option<BTreeMap<String, String>>,
}

impl ResourceGroup {
    /// Where roles on it are held.
    pub fn scope(&self) -> Scope {
        let subscription = self.subscription.to_string();
        Scope::of_segments(["subscriptions", &subscription, "resourceGroups", &self.name])
    }
}

/// A machine-learning workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace {
    /// Its id, a GUID; it names the workspace for ever, renaming or not.
    pub id: Uuid,
    /// The subscription it is in.
    pub subscription: Uuid,
    /// The resource group it is in, as first written.
    pub group: String,
    /// Its name.
    pub name: WorkspaceName,
    /// Its location.
    pub location: String,
    /// What people read instead of the name.
    pub friendly_name: String,
    /// Free text.
    pub description: String,
    /// Labels of the user.
    pub tags: BTreeMap<String, String>,
    /// What Wharf does not interpret but gives back: stores, vaults, identities.
    pub kept: Kept,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Members of a workspace that Wharf keeps as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Those of the document itself.
    pub top: Map<String, Value>,
    /// Those of its `properties`.
    pub properties: Map<String, Value>,
}

impl Kept {
    /// Takes what `newer` has over what was there, member by member.
    pub fn merge(&mut self, newer: Self) {
        self.top.extend(newer.top);
        self.properties.extend(newer.properties);
    }

    /// Bytes, as JSON.
    pub fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }
}

/// A PUT or PATCH of a workspace, parsed but not checked. What was not sent stays as
/// it is, or has its default in a new workspace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkspaceRequest {
    /// Its location; that of the group when it is not sent.
    pub location: Option<String>,
    /// What people read instead of the name; the name when it is not sent.
    pub friendly_name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Labels of the user, all of them.
    pub tags: Option<BTreeMap<String, String>>,
    /// What is kept without being interpreted.
    pub kept: Kept,
}

impl WorkspaceRequest {
    /// Checks what can be told without looking anything up.
    pub fn check(&self, findings: &mut Vec<Finding>) {
        let mut short = |field: &str, text: Option<&String>, most: usize| {
            if text.is_some_and(|text| text.chars().count() > most) {
                let message = format!("has more than {most} characters");
                findings.push(Finding::new(field, message));
            }
        };
        short(
            "properties.friendlyName",
            self.friendly_name.as_ref(),
            LONGEST_NAME,
        );
        short(
            "properties.description",
            self.description.as_ref(),
            LONGEST_DESCRIPTION,
        );
        check_labels(self.tags.as_ref(), findings);
    }
}

impl ResourceGroupRequest {
    /// Checks what can be told without looking anything up.
    pub fn check(&self, findings: &mut Vec<Finding>) {
        check_labels(self.tags.as_ref(), findings);
    }
}

impl Workspace {
    /// Takes what a PUT or PATCH says; of the location nothing, since a workspace
    /// stays where it is.
    ///
    /// # Errors
    /// A finding when it would keep more than it may.
    pub fn apply(&mut self, request: WorkspaceRequest) -> Result<(), Finding> {
        if let Some(text) = request.friendly_name {
            self.friendly_name = text;
        }
        if let Some(text) = request.description {
            self.description = text;
        }
        if let Some(tags) = request.tags {
            self.tags = tags;
        }
        self.kept.merge(request.kept);
        let bytes = self.kept.size();
        if bytes > MOST_KEPT_OF_RESOURCE {
            return Err(Finding::new(
                "properties",
                format!(
                    "members that are kept without being interpreted would have {bytes} bytes \
                     together; at most {MOST_KEPT_OF_RESOURCE} are allowed"
                ),
            ));
        }
        Ok(())
    }

    /// Its ARM id.
    pub fn resource_id(&self) -> ResourceId {
        ResourceId::workspace(
            &self.subscription.to_string(),
            &self.group,
            self.name.as_str(),
        )
    }

    /// Where roles on it are held.
    pub fn scope(&self) -> Scope {
        self.resource_id().scope()
    }
}

/// A workspace as a request's path names it; not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkspacePath {
    /// The subscription's id as written.
    pub subscription: String,
    /// The resource group's name as written.
    pub group: String,
    /// The workspace's name as written.
    pub workspace: String,
}

/// Someone who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Its object id.
    pub id: Uuid,
    /// Its client id: the user name of a client-credentials sign-in.
    pub client_id: Uuid,
    /// What people read; unique without case.
    pub display_name: String,
}

/// A caller whose proof was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// In which tenant.
    pub tenant: Uuid,
    /// What it may do, and where.
    pub assignments: Arc<[Assignment]>,
}

impl Caller {
    /// Whether it may do `action` at `scope`.
    pub fn may(&self, action: &str, scope: &Scope) -> bool {
        access::decide(&self.assignments, action, scope, &Reach::Exact)
    }

    /// Whether it may read what is at `scope`: every role may.
    pub fn may_read(&self, scope: &Scope) -> bool {
        self.may("*/read", scope)
    }

    /// Whether anything at `scope`, above it or below it is the caller's to read: then
    /// it may know that the place is there.
    pub fn sees(&self, scope: &Scope) -> bool {
        let below = Reach::Within(scope.clone());
        access::decide(&self.assignments, "*/read", scope, &below)
    }
}

/// A location as ARM compares it: in lower case, without spaces.
pub fn plain_location(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workspace() -> Workspace {
        Workspace {
            id: Uuid::nil(),
            subscription: Uuid::nil(),
            group: "g".to_owned(),
            name: "default".parse().expect("a name"),
            location: "local".to_owned(),
            friendly_name: "default".to_owned(),
            description: String::new(),
            tags: BTreeMap::new(),
            kept: Kept::default(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn kept(value: Value) -> Kept {
        let Value::Object(properties) = value else {
            unreachable!("an object")
        };
        Kept {
            top: Map::new(),
            properties,
        }
    }

    #[test]
    fn what_is_not_sent_stays() {
        let mut workspace = workspace();
        let first = WorkspaceRequest {
            description: Some("why".to_owned()),
            kept: kept(json!({"storageAccount": "s", "v1LegacyMode": true})),
            ..WorkspaceRequest::default()
        };
        workspace.apply(first).expect("small");
        let second = WorkspaceRequest {
            friendly_name: Some("ours".to_owned()),
            kept: kept(json!({"v1LegacyMode": false})),
            ..WorkspaceRequest::default()
        };
        workspace.apply(second).expect("small");
        assert_eq!(workspace.description, "why");
        assert_eq!(workspace.friendly_name, "ours");
        assert_eq!(
            workspace.kept,
            kept(json!({"storageAccount": "s", "v1LegacyMode": false}))
        );
    }

    #[test]
    fn many_small_changes_do_not_keep_more_than_one_large() {
        let mut workspace = workspace();
        let mut part = |name: &str| {
            let value = json!({ name: "x".repeat(MOST_KEPT_OF_RESOURCE / 2) });
            workspace.apply(WorkspaceRequest {
                kept: kept(value),
                ..WorkspaceRequest::default()
            })
        };
        part("a").expect("half");
        assert_eq!(part("b").expect_err("too much").field, "properties");
    }

    #[test]
    fn locations_compare_without_case_and_spaces() {
        assert_eq!(plain_location("East US 2"), "eastus2");
    }
}
