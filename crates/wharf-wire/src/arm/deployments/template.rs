//! From the body of a deployment to what is to be made.

use serde_json::{Map, Value, json};
use wharf_core::{
    digest::Digest,
    finding::Finding,
    quote::Quoted,
    template_deployment::{ShownDeployment, TemplateRequest, TemplateResource},
};

use super::{expression::Scope, parameters};
use crate::arm::workspaces;

/// Most resources of a template, nested ones included (ARM's own limit).
const MOST_RESOURCES: usize = 800;
/// Most outputs of a template (ARM's own limit).
const MOST_OUTPUTS: usize = 64;
/// Most variables of a template (ARM's own limit).
const MOST_VARIABLES: usize = 256;
/// Most bytes, as JSON, of the parameters and outputs that answers show.
const MOST_SHOWN: usize = 256 * 1_024;

const WORKSPACE: &str = "Microsoft.MachineLearningServices/workspaces";
const NESTED: &str = "Microsoft.Resources/deployments";

/// What a workspace has in the cloud and does not need here. `Workspace.create` of
/// SDK v1 names them in its template.
const HELPERS: [&str; 6] = [
    "Microsoft.Storage/storageAccounts",
    "Microsoft.KeyVault/vaults",
    "Microsoft.Insights/components",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.Resources/resourceGroups",
];

/// Where a template is deployed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupScope {
    /// The subscription's id.
    pub subscription: String,
    /// The tenant's id.
    pub tenant: String,
    /// The resource group's name.
    pub group: String,
    /// The resource group's location.
    pub location: String,
}

impl GroupScope {
    pub(super) fn id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}",
            self.subscription, self.group
        )
    }

    /// What `resourceGroup()` gives.
    pub(super) fn document(&self) -> Value {
        json!({
            "id": self.id(),
            "name": self.group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": self.location,
            "properties": {"provisioningState": "Succeeded"},
        })
    }
}

/// Reads a PUT of a deployment and evaluates its template.
///
/// # Errors
/// All that is wrong with it, each with its place.
pub fn parse(document: &Value, group: &GroupScope) -> Result<TemplateRequest, Vec<Finding>> {
    let mut findings = Vec::new();
    let request = read(document, group, &mut findings);
    match request {
        Some(request) if findings.is_empty() => Ok(request),
        _ => Err(findings),
    }
}

/// A member that is an object; an empty one when it is not there.
fn object<'v>(
    of: &'v Value,
    name: &str,
    place: &str,
    findings: &mut Vec<Finding>,
) -> &'v Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    match of.get(name) {
        Some(Value::Object(members)) => members,
        None | Some(Value::Null) => &EMPTY,
        Some(_) => {
            findings.push(Finding::new(place, "must be an object"));
            &EMPTY
        }
    }
}

fn read(
    document: &Value,
    group: &GroupScope,
    findings: &mut Vec<Finding>,
) -> Option<TemplateRequest> {
    let properties = &document["properties"];
    for (name, why) in [
        (
            "templateLink",
            "templates elsewhere are not supported; send the template itself in `template`",
        ),
        (
            "parametersLink",
            "parameters elsewhere are not supported; send them in `parameters`",
        ),
    ] {
        if properties.get(name).is_some_and(|link| !link.is_null()) {
            findings.push(Finding::new(format!("properties.{name}"), why));
        }
    }
    let mode = properties["mode"].as_str().unwrap_or("Incremental");
    if !mode.eq_ignore_ascii_case("Incremental") {
        findings.push(Finding::new(
            "properties.mode",
            format!(
                "{} is not supported, since it removes what a template does not name; use \
                 `Incremental`",
                Quoted(mode)
            ),
        ));
    }
    let template = &properties["template"];
    if !template.is_object() {
        findings.push(Finding::new(
            "properties.template",
            "is missing; send the template as an object",
        ));
        return None;
    }
    let place = "properties.template";
    let declared = object(
        template,
        "parameters",
        "properties.template.parameters",
        findings,
    );
    let given = object(properties, "parameters", "properties.parameters", findings);
    let parameters = parameters::read(declared, given, findings);
    let variables = object(
        template,
        "variables",
        "properties.template.variables",
        findings,
    );
    if variables.len() > MOST_VARIABLES {
        findings.push(Finding::new(
            "properties.template.variables",
            format!(
                "has {} variables; at most {MOST_VARIABLES} are allowed",
                variables.len()
            ),
        ));
    }
    if !findings.is_empty() {
        return None;
    }
    let scope = Scope::new(parameters.values, variables.clone(), group);
    let mut resources = Resources {
        scope: &scope,
        found: Vec::new(),
        nested: Vec::new(),
        count: 0,
    };
    resources.all(template, place, findings);
    // What has no name of its own to the client comes last: SDK v1 stops to print
    // progress at the first that it does not know.
    let mut made = resources.found;
    made.extend(resources.nested);
    let outputs = outputs(template, &scope, findings);
    let shown = ShownDeployment {
        mode: "Incremental".to_owned(),
        parameters: parameters.shown,
        outputs,
        template_hash: Digest::of(template.to_string().as_bytes()).to_string(),
        resources: Vec::new(),
        operation: Default::default(),
    };
    let bytes = serde_json::to_vec(&shown).map_or(usize::MAX, |json| json.len());
    if bytes > MOST_SHOWN {
        findings.push(Finding::new(
            "properties.parameters",
            format!("parameters and outputs have {bytes} bytes; at most {MOST_SHOWN} are allowed"),
        ));
    }
    Some(TemplateRequest {
        resources: made,
        shown,
    })
}

fn outputs(template: &Value, scope: &Scope<'_>, findings: &mut Vec<Finding>) -> Map<String, Value> {
    let place = "properties.template.outputs";
    let declared = object(template, "outputs", place, findings);
    if declared.len() > MOST_OUTPUTS {
        let count = declared.len();
        findings.push(Finding::new(
            place,
            format!("has {count} outputs; at most {MOST_OUTPUTS} are allowed"),
        ));
        return Map::new();
    }
    let mut outputs = Map::new();
    for (name, output) in declared {
        let kind = output["type"].as_str().unwrap_or("String");
        let is_secret = kind.to_ascii_lowercase().starts_with("secure");
        match scope.evaluate(&output["value"]) {
            Err(why) => findings.push(Finding::new(format!("{place}.{name}.value"), why)),
            Ok(_) if is_secret => {
                outputs.insert(name.clone(), json!({ "type": kind }));
            }
            Ok(value) => {
                outputs.insert(name.clone(), json!({"type": kind, "value": value}));
            }
        }
    }
    outputs
}

struct Resources<'s> {
    scope: &'s Scope<'s>,
    found: Vec<TemplateResource>,
    nested: Vec<TemplateResource>,
    count: usize,
}

impl Resources<'_> {
    fn all(&mut self, template: &Value, place: &str, findings: &mut Vec<Finding>) {
        let place = format!("{place}.resources");
        let items = match template.get("resources") {
            Some(Value::Array(items)) => items,
            None | Some(Value::Null) => return,
            Some(_) => {
                findings.push(Finding::new(place, "must be a list"));
                return;
            }
        };
        self.count += items.len();
        if self.count > MOST_RESOURCES {
            findings.push(Finding::new(
                place,
                format!("a template has at most {MOST_RESOURCES} resources, nested ones included"),
            ));
            return;
        }
        for (index, item) in items.iter().enumerate() {
            self.one(item, &format!("{place}[{index}]"), findings);
        }
    }

    fn one(&mut self, item: &Value, place: &str, findings: &mut Vec<Finding>) {
        let kind = item["type"].as_str().unwrap_or_default();
        if item.get("copy").is_some_and(|copy| !copy.is_null()) {
            findings.push(Finding::new(
                format!("{place}.copy"),
                "is not supported; write each resource out",
            ));
        }
        match self.scope.evaluate(&item["condition"]) {
            Ok(Value::Bool(false)) => return,
            Ok(Value::Null | Value::Bool(true)) => {}
            Ok(_) => findings.push(Finding::new(
                format!("{place}.condition"),
                "must be true or false",
            )),
            Err(why) => findings.push(Finding::new(format!("{place}.condition"), why)),
        }
        let is = |known: &str| kind.eq_ignore_ascii_case(known);
        if is(WORKSPACE) {
            self.workspace(item, place, findings);
        } else if is(NESTED) {
            let nested = helper(self.scope, kind, item);
            self.nested.push(nested);
            // Whatever is in it is looked at: nothing hides in a nested template. Its
            // own helpers are not listed, as ARM lists them under the nested one.
            let outer = self.found.len();
            self.all(
                &item["properties"]["template"],
                &format!("{place}.properties.template"),
                findings,
            );
            let is_helper = |it: &TemplateResource| matches!(it, TemplateResource::Helper { .. });
            let inner = self.found.split_off(outer);
            self.found
                .extend(inner.into_iter().filter(|it| !is_helper(it)));
        } else if HELPERS.iter().any(|known| is(known)) {
            let helper = helper(self.scope, kind, item);
            self.found.push(helper);
        } else {
            findings.push(Finding::new(
                format!("{place}.type"),
                format!(
                    "{} is not supported in a template; supported are {WORKSPACE}, and, as what a \
                     workspace needs in the cloud and not here, {} and {NESTED}",
                    Quoted(kind),
                    HELPERS.join(", ")
                ),
            ));
        }
    }

    fn workspace(&mut self, item: &Value, place: &str, findings: &mut Vec<Finding>) {
        let mut wanted = Map::new();
        let mut name = String::new();
        for member in ["name", "location", "tags", "identity", "sku", "properties"] {
            match self.scope.evaluate(&item[member]) {
                Err(why) => findings.push(Finding::new(format!("{place}.{member}"), why)),
                Ok(Value::String(text)) if member == "name" => name = text,
                Ok(value) => {
                    wanted.insert(member.to_owned(), value);
                }
            }
        }
        if item
            .get("resources")
            .and_then(Value::as_array)
            .is_some_and(|it| !it.is_empty())
        {
            findings.push(Finding::new(
                format!("{place}.resources"),
                "resources inside of a workspace are not supported in a template",
            ));
        }
        match workspaces::parse(Value::Object(wanted)) {
            Ok(request) => self.found.push(TemplateResource::Workspace {
                name,
                request: Box::new(request),
                place: place.to_owned(),
            }),
            Err(found) => findings.extend(
                found
                    .into_iter()
                    .map(|it| Finding::new(format!("{place}.{}", it.field), it.message)),
            ),
        }
    }
}

/// A helper's name may be made by functions that are not supported; nothing hangs on
/// it, so that it is shown as it is written.
fn helper(scope: &Scope<'_>, kind: &str, item: &Value) -> TemplateResource {
    let name = match scope.evaluate(&item["name"]) {
        Ok(Value::String(name)) => name,
        _ => item["name"].as_str().unwrap_or_default().to_owned(),
    };
    let name: String = name.chars().take(256).collect();
    TemplateResource::Helper {
        id: format!("{}/providers/{kind}/{name}", scope.group.id()),
        kind: kind.to_owned(),
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> GroupScope {
        GroupScope {
            subscription: "s".to_owned(),
            tenant: "t".to_owned(),
            group: "rg".to_owned(),
            location: "westeurope".to_owned(),
        }
    }

    fn body(template: &Value) -> Value {
        json!({"properties": {"mode": "incremental", "parameters": {}, "template": template}})
    }

    fn names(request: &TemplateRequest) -> Vec<(&str, bool)> {
        let name = |it: &'_ TemplateResource| match it {
            TemplateResource::Workspace { .. } => true,
            TemplateResource::Helper { .. } => false,
        };
        request
            .resources
            .iter()
            .map(|it| match it {
                TemplateResource::Workspace { name: text, .. }
                | TemplateResource::Helper { name: text, .. } => (text.as_str(), name(it)),
            })
            .collect()
    }

    #[test]
    fn the_template_of_workspace_create() {
        let template = json!({
            "parameters": {}, "variables": {},
            "resources": [
                {"type": "Microsoft.KeyVault/vaults", "name": "v1", "location": "x"},
                {"type": "Microsoft.Resources/deployments", "name": "nested", "properties": {
                    "template": {"resources": [
                        {"type": "Microsoft.OperationalInsights/workspaces", "name": "log"}]}}},
                {"type": "microsoft.insights/components", "name": "i1"},
                {"type": WORKSPACE, "name": "ws1", "location": "westeurope", "tags": {"a": "b"},
                 "dependsOn": ["[resourceId('Microsoft.KeyVault/vaults', 'v1')]"], "resources": [],
                 "properties": {"friendlyName": "ws1", "keyVault": "/v1"}},
            ],
        });
        let request = parse(&body(&template), &group()).expect("well formed");
        assert_eq!(
            names(&request),
            [
                ("v1", false),
                ("i1", false),
                ("ws1", true),
                ("nested", false)
            ]
        );
        assert_eq!(request.shown.mode, "Incremental");
    }

    #[test]
    fn parameters_reach_the_workspace() {
        let document = json!({"properties": {
            "mode": "Incremental",
            "parameters": {"name": {"value": "ws2"}},
            "template": {
                "parameters": {"name": {"type": "string"}, "secret": {"type": "secureString", "defaultValue": "hush"}},
                "variables": {"storage": "[concat(parameters('name'), 'store')]"},
                "resources": [
                    {"type": WORKSPACE, "name": "[parameters('name')]",
                     "location": "[resourceGroup().location]",
                     "properties": {"storageAccount": "[resourceId('Microsoft.Storage/storageAccounts', variables('storage'))]"}},
                    {"type": "Microsoft.Storage/storageAccounts", "name": "[uniqueString('x')]"},
                    {"type": "Some.Thing/else", "name": "x", "condition": false},
                ],
                "outputs": {"id": {"type": "string", "value": "[parameters('name')]"}},
            },
        }});
        let request = parse(&document, &group()).expect("well formed");
        let TemplateResource::Workspace {
            name,
            request: wanted,
            ..
        } = &request.resources[0]
        else {
            panic!("a workspace comes first");
        };
        assert_eq!(name, "ws2");
        assert_eq!(wanted.location.as_deref(), Some("westeurope"));
        assert_eq!(
            wanted.kept.properties["storageAccount"],
            "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/ws2store"
        );
        assert_eq!(names(&request)[1], ("[uniqueString('x')]", false));
        assert_eq!(request.shown.outputs["id"]["value"], "ws2");
        let shown = serde_json::to_string(&request.shown).expect("JSON");
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let template = json!({"resources": [
            {"type": "Microsoft.Network/privateEndpoints", "name": "p"},
            {"type": WORKSPACE, "name": "[uniqueString('x')]", "tags": {"a": 1}},
            {"type": NESTED, "name": "n", "properties": {"template": {"resources": [
                {"type": "Microsoft.Compute/virtualMachines", "name": "vm"}]}}},
            {"type": WORKSPACE, "name": "ok", "copy": {"count": 3}},
        ]});
        let findings = parse(&body(&template), &group()).expect_err("wrong");
        let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "properties.template.resources[0].type",
                "properties.template.resources[1].name",
                "properties.template.resources[1].tags.a",
                "properties.template.resources[2].properties.template.resources[0].type",
                "properties.template.resources[3].copy",
            ]
        );
        assert!(
            findings[0]
                .message
                .contains("Microsoft.Network/privateEndpoints")
        );
        let other =
            json!({"properties": {"mode": "Complete", "templateLink": {"uri": "https://x"}}});
        let findings = parse(&other, &group()).expect_err("wrong");
        assert_eq!(findings.len(), 3, "{findings:?}");
    }

    #[test]
    fn a_template_has_limits() {
        let one = json!({"type": "Microsoft.KeyVault/vaults", "name": "v"});
        let many = |count: usize| vec![one.clone(); count];
        assert!(parse(&body(&json!({"resources": many(800)})), &group()).is_ok());
        let nested = json!({"type": NESTED, "name": "n", "properties": {"template": {"resources": many(400)}}});
        let mut items = many(400);
        items.push(nested);
        for items in [many(801), items] {
            let findings = parse(&body(&json!({"resources": items})), &group()).expect_err("many");
            assert!(findings[0].message.contains("at most 800"), "{findings:?}");
        }
        let outputs: Map<_, _> = (0..65)
            .map(|index| (index.to_string(), json!({"type": "int", "value": 1})))
            .collect();
        let findings = parse(&body(&json!({"outputs": outputs})), &group()).expect_err("many");
        assert!(findings[0].message.contains("at most 64"), "{findings:?}");
    }
}
