//! Workspaces, `Microsoft.MachineLearningServices/workspaces`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wharf_core::{
    compute::MOST_TAGS,
    finding::Finding,
    limits::LONGEST_LOCATION,
    workspace::{Kept, WorkspaceRequest},
};

use super::fields::{Fields, check_kept};

/// What answers say and a PUT or PATCH does not change.
const READ_ONLY: [&str; 7] = [
    "workspaceId",
    "creationTime",
    "discoveryUrl",
    "provisioningState",
    "privateEndpointConnections",
    "notebookInfo",
    "workspaceIdentity",
];

/// Members that are true or false. SDK v1 declares some of them as texts when it
/// sends them, and as truth values when it reads them.
const SWITCHES: [&str; 3] = [
    "hbiWorkspace",
    "allowPublicAccessWhenBehindVnet",
    "v1LegacyMode",
];

/// Leaves out members that are null, at any depth: SDK v1 sends one for everything
/// that a script did not say.
fn without_nulls(members: Map<String, Value>) -> Map<String, Value> {
    let inner = |value| match value {
        Value::Object(members) => Value::Object(without_nulls(members)),
        other => other,
    };
    members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name, inner(value)))
        .collect()
}

fn switch(properties: &mut Map<String, Value>, name: &str, findings: &mut Vec<Finding>) {
    let Some(value) = properties.get_mut(name) else {
        return;
    };
    let is_on = match &*value {
        Value::Bool(is_on) => Some(*is_on),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    match is_on {
        Some(is_on) => *value = Value::Bool(is_on),
        None => findings.push(Finding::new(
            format!("properties.{name}"),
            "must be true or false",
        )),
    }
}

/// Reads a PUT or PATCH of a workspace.
///
/// # Errors
/// Every member with a wrong type.
pub fn parse(document: Value) -> Result<WorkspaceRequest, Vec<Finding>> {
    let mut found = Vec::new();
    let findings = &mut found;
    let mut top = Fields::of(document).map_err(|finding| vec![finding])?;
    for read_only in ["id", "name", "type", "systemData", "etag"] {
        top.take(read_only);
    }
    let location = top.line("location", LONGEST_LOCATION, findings);
    let tags = top.texts("tags", MOST_TAGS, findings);
    let identity = top.object("identity", findings).rest();
    let sku = top.object("sku", findings).rest();
    let mut properties = top.object("properties", findings);
    for read_only in READ_ONLY {
        properties.take(read_only);
    }
    let friendly_name = properties.text("friendlyName", findings);
    let description = properties.text("description", findings);
    let mut properties = without_nulls(properties.rest());
    for name in SWITCHES {
        switch(&mut properties, name, findings);
    }
    let mut top = without_nulls(top.rest());
    for (name, members) in [("identity", identity), ("sku", sku)] {
        let members = without_nulls(members);
        if !members.is_empty() {
            top.insert(name.to_owned(), Value::Object(members));
        }
    }
    check_kept(&top, findings);
    check_kept(&properties, findings);
    let request = WorkspaceRequest {
        location,
        friendly_name,
        description,
        tags,
        kept: Kept { top, properties },
    };
    if found.is_empty() {
        Ok(request)
    } else {
        Err(found)
    }
}

/// A workspace. What SDK v1 needs of it: `location`, `name`, `id`,
/// `properties.workspaceId` and `properties.discoveryUrl`; it reads `sku.tier`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Microsoft.MachineLearningServices/workspaces`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its location.
    pub location: String,
    /// Labels of the user.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Price list, identity and what else was sent.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
    /// Everything else.
    pub properties: WorkspaceProperties,
}

/// Everything else of a workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceProperties {
    /// Its GUID.
    pub workspace_id: String,
    /// What people read instead of the name.
    pub friendly_name: String,
    /// Free text.
    pub description: String,
    /// When it was made.
    pub creation_time: Timestamp,
    /// Where its data plane says which hosts it has; clients use it as it is.
    pub discovery_url: String,
    /// `Succeeded`.
    pub provisioning_state: String,
    /// None: Wharf makes no private endpoints.
    pub private_endpoint_connections: Vec<Value>,
    /// What was sent and is only kept: stores, vaults, switches.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Workspace {
    /// A workspace whose data plane is described at `discovery_url`.
    pub fn new(workspace: &wharf_core::workspace::Workspace, discovery_url: String) -> Self {
        let id = workspace.resource_id();
        let mut extra = workspace.kept.top.clone();
        // It costs nothing, whatever was asked for.
        let sku = extra.entry("sku").or_insert_with(|| json!({}));
        if let Value::Object(sku) = sku {
            for name in ["name", "tier"] {
                sku.entry(name).or_insert_with(|| json!("Basic"));
            }
        }
        let mut properties = workspace.kept.properties.clone();
        properties
            .entry("hbiWorkspace")
            .or_insert(Value::Bool(false));
        Self {
            kind: id.resource_type(),
            id: id.to_string(),
            name: workspace.name.to_string(),
            location: workspace.location.clone(),
            tags: workspace.tags.clone(),
            extra,
            properties: WorkspaceProperties {
                workspace_id: workspace.id.to_string(),
                friendly_name: workspace.friendly_name.clone(),
                description: workspace.description.clone(),
                creation_time: workspace.created_at,
                discovery_url,
                provisioning_state: "Succeeded".to_owned(),
                private_endpoint_connections: Vec::new(),
                extra: properties,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_an_answer_says_can_be_sent_back() {
        let mut workspace = wharf_core::workspace::Workspace {
            id: Uuid::nil(),
            subscription: Uuid::nil(),
            group: "g".to_owned(),
            name: "ws1".parse().expect("a name"),
            location: "local".to_owned(),
            friendly_name: "ws1".to_owned(),
            description: String::new(),
            tags: BTreeMap::new(),
            kept: Kept::default(),
            created_at: Timestamp::UNIX_EPOCH,
        };
        let sent = json!({
            "location": "local", "tags": {"a": "b"},
            "identity": {"type": "SystemAssigned", "userAssignedIdentities": null},
            "sku": {"name": "enterprise", "tier": "enterprise"},
            "properties": {
                "friendlyName": "Ours", "storageAccount": "/s", "adbWorkspace": null,
                "encryption": {"status": "Disabled", "identity": {"userAssignedIdentity": null}},
                "v1LegacyMode": "True", "hbiWorkspace": false, "workspaceId": "not ours to change",
            },
        });
        workspace
            .apply(parse(sent).expect("well formed"))
            .expect("small");
        let shown = Workspace::new(&workspace, "https://h/discovery".to_owned());
        let shown = serde_json::to_value(shown).expect("JSON");
        assert_eq!(shown["sku"]["tier"], "enterprise");
        assert_eq!(shown["identity"], json!({"type": "SystemAssigned"}));
        assert_eq!(shown["properties"]["v1LegacyMode"], true);
        assert_eq!(shown["properties"]["storageAccount"], "/s");
        assert_eq!(shown["properties"]["workspaceId"], Uuid::nil().to_string());
        assert!(shown["properties"].get("adbWorkspace").is_none());
        let before = workspace.clone();
        workspace
            .apply(parse(shown).expect("well formed"))
            .expect("small");
        assert_eq!(workspace, before);
    }

    #[test]
    fn every_wrong_member_is_named() {
        let findings = parse(json!({
            "location": 1, "tags": [], "sku": "Basic",
            "properties": {"friendlyName": {}, "hbiWorkspace": "maybe"},
        }))
        .expect_err("wrong");
        let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "location",
                "tags",
                "sku",
                "properties.friendlyName",
                "properties.hbiWorkspace"
            ]
        );
    }
}
