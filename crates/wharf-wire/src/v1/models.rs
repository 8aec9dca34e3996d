//! Registered models.

use serde_json::{Map, Value, json};
use wharf_core::{
    endpoint_request::ResourcesRequest,
    finding::Finding,
    limits::{LONGEST_NAME, LONGEST_REFERENCE, MOST_DATASETS, MOST_KEPT_OF_MODEL},
    model::Model,
};

use super::{fields::Fields, time};
use crate::patch::{self, Pointer};

/// Members that are kept as they are sent and given back.
const EXTRA: [&str; 7] = [
    "datasets",
    "sampleInputData",
    "sampleOutputData",
    "resourceRequirements",
    "experimentName",
    "runId",
    "parentModelId",
];

/// What a patch may change; the files and what names them never change.
const CHANGEABLE: [&str; 7] = [
    "kvTags",
    "properties",
    "description",
    "sampleInputData",
    "sampleOutputData",
    "resourceRequirements",
    "datasets",
];

/// A registration as read.
#[derive(Debug, Clone, PartialEq)]
pub struct NewModel {
    /// The model's name.
    pub name: String,
    /// Where its files are.
    pub url: String,
    /// What the client sent.
    pub mime_type: Option<String>,
    /// The file is an archive.
    pub unpack: bool,
    /// For example `ScikitLearn`.
    pub framework: Option<String>,
    /// For example `1.9.1`.
    pub framework_version: Option<String>,
    /// What can be changed later.
    pub said: SaidOfModel,
}

/// What is said of a model and can be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct SaidOfModel {
    /// Free text.
    pub description: Option<String>,
    /// Labels that can change.
    pub tags: std::collections::BTreeMap<String, String>,
    /// Labels that can only be added.
    pub properties: std::collections::BTreeMap<String, String>,
    /// What a replica gets where a deployment does not say.
    pub resources: ResourcesRequest,
    /// Members that are kept as they are.
    pub extra: Map<String, Value>,
}

fn read_said(fields: &mut Fields<'_>) -> SaidOfModel {
    // Wrong types in what is only kept would break the client that reads it back.
    fields.each("datasets", MOST_DATASETS, |dataset| {
        (dataset.text("name"), dataset.text("id"))
    });
    for (name, most) in [
        ("sampleInputData", LONGEST_REFERENCE),
        ("sampleOutputData", LONGEST_REFERENCE),
        ("experimentName", LONGEST_NAME),
        ("runId", LONGEST_NAME),
        ("parentModelId", LONGEST_REFERENCE),
    ] {
        fields.line(name, most);
    }
    let resources = read_resources(&mut fields.object("resourceRequirements"));
    let extra = EXTRA.iter().filter_map(|name| {
        let value = fields.raw(name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    let extra = extra.collect();
    fields.check_kept("resourceRequirements", &extra, MOST_KEPT_OF_MODEL);
    SaidOfModel {
        description: fields.text("description"),
        tags: fields.tags("kvTags"),
        properties: fields.tags("properties"),
        resources,
        extra,
    }
}

/// A size as `ResourceConfiguration` of the SDK has it.
fn read_resources(fields: &mut Fields<'_>) -> ResourcesRequest {
    let resources = ResourcesRequest {
        cpu: fields.amount("cpu"),
        memory_gb: fields.amount("memoryInGB"),
        gpu: fields.whole("gpu"),
        ..ResourcesRequest::default()
    };
    for (name, amount) in [("cpu", resources.cpu), ("memoryInGB", resources.memory_gb)] {
        if amount.is_some_and(|amount| amount <= 0.0) {
            fields.refuse(name, "must be more than 0");
        }
    }
    if resources.gpu.is_some_and(|gpu| gpu < 0) {
        fields.refuse("gpu", "must be 0 or more");
    }
    resources
}

/// Reads a registration.
///
/// # Errors
/// Every wrong member at once.
pub fn read(body: &Value) -> Result<NewModel, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fields = Fields::of_body(body, &mut findings);
    let model = NewModel {
        name: fields.text("name").unwrap_or_default(),
        url: fields.text("url").unwrap_or_default(),
        mime_type: fields.line("mimeType", LONGEST_NAME),
        unpack: fields.flag("unpack").unwrap_or(false),
        framework: fields.text("framework"),
        framework_version: fields.line("frameworkVersion", LONGEST_NAME),
        said: read_said(&mut fields),
    };
    if model.framework_version.is_some() && model.framework.is_none() {
        fields.refuse("frameworkVersion", "cannot be given without `framework`");
    }
    if findings.is_empty() {
        Ok(model)
    } else {
        Err(findings)
    }
}

/// What `patch` makes of what is said of `model`.
///
/// # Errors
/// Every operation that cannot be applied, and every wrong member after it.
pub fn update(model: &Model, patch: &Value) -> Result<SaidOfModel, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut operations = patch::read(patch, &mut findings);
    for operation in &mut operations {
        let root = operation.path.parts().first().map(String::as_str);
        let root = root.unwrap_or_default();
        if !CHANGEABLE.contains(&root) {
            findings.push(Finding::new(
                operation.path.to_string(),
                format!("cannot be changed; what can: {}", CHANGEABLE.join(", ")),
            ));
        } else if matches!(root, "kvTags" | "properties") && operation.path.parts().len() > 2 {
            // Labels are flat, and the SDK does not escape a `/` in their names.
            let name = operation.path.parts()[1..].join("/");
            operation.path = Pointer::from_parts([root, &name]);
        }
    }
    let mut document = document(model);
    patch::apply(&mut document, &operations, &mut findings);
    if !findings.is_empty() {
        return Err(findings);
    }
    let said = read_said(&mut Fields::of_body(&document, &mut findings));
    if findings.is_empty() {
        Ok(said)
    } else {
        Err(findings)
    }
}

/// A model, with every member that either parser of the SDK asks for.
pub fn document(model: &Model) -> Value {
    let spec = &model.spec;
    let extra = |name: &str| spec.extra.get(name).cloned();
    json!({
        "id": model.id.to_string(),
        "name": model.id.name.as_str(),
        "version": model.id.version,
        "framework": spec.framework,
        "frameworkVersion": spec.framework_version,
        // Never null: the SDK iterates over it.
        "datasets": extra("datasets").unwrap_or_else(|| json!([])),
        "url": spec.url,
        "mimeType": spec.mime_type,
        "description": spec.description,
        "createdTime": time::text(model.created_at),
        "modifiedTime": time::text(model.modified_at),
        "unpack": spec.unpack,
        "parentModelId": extra("parentModelId"),
        "runId": extra("runId"),
        "experimentName": extra("experimentName"),
        "kvTags": spec.tags,
        "properties": spec.properties,
        "derivedModelIds": [],
        "sampleInputData": extra("sampleInputData"),
        "sampleOutputData": extra("sampleOutputData"),
        "resourceRequirements": extra("resourceRequirements").map(whole_resources),
        "createdBy": {"userName": model.created_by},
    })
}

/// A size with every key: the SDK leaves out what is null when it sends one, and
/// refuses to read one without it.
fn whole_resources(mut kept: Value) -> Value {
    if let Some(members) = kept.as_object_mut() {
        for name in ["cpu", "memoryInGB", "gpu"] {
            members.entry(name).or_insert(Value::Null);
        }
    }
    kept
}

/// A model inside of a service: the parser there says `tags` for `kvTags`.
pub(super) fn document_in_service(model: &Model) -> Value {
    let mut document = document(model);
    document["tags"] = json!(model.spec.tags);
    document
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use wharf_core::model::ModelSpec;

    use super::*;

    pub(crate) fn iris() -> Model {
        Model {
            uuid: Default::default(),
            workspace: Default::default(),
            id: "iris:2".parse().expect("an id"),
            spec: ModelSpec {
                url: "aml://asset/1".into(),
                asset: Default::default(),
                mime_type: "application/json".into(),
                unpack: false,
                description: None,
                tags: [("stage".to_owned(), "test".to_owned())].into(),
                properties: [("a".to_owned(), "1".to_owned())].into(),
                framework: None,
                framework_version: None,
                resources: ResourcesRequest::default(),
                extra: Map::new(),
            },
            created_by: "administrator".into(),
            created_at: Timestamp::UNIX_EPOCH,
            modified_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// The keys that `Model._initialize` indexes without `.get` when it reads a
    /// model of a service (azureml-core 1.61, `core/model.py`).
    #[test]
    fn a_model_in_a_service_has_every_key() {
        let document = document_in_service(&iris());
        for key in [
            "createdTime",
            "id",
            "createdBy",
            "description",
            "mimeType",
            "name",
            "framework",
            "frameworkVersion",
            "properties",
            "unpack",
            "url",
            "version",
            "experimentName",
            "runId",
            "datasets",
            "tags",
        ] {
            assert!(document.get(key).is_some(), "{key}");
        }
        assert!(document["datasets"].is_array());
        assert_eq!(document["createdTime"], "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn the_sdks_registration_is_read() {
        let model = read(&json!({
            "name": "iris", "url": "aml://asset/7", "mimeType": "application/json", "unpack": false,
            "datasets": [], "kvTags": {"a": 1}, "framework": "ScikitLearn", "frameworkVersion": "1.5",
            "resourceRequirements": {"cpu": 1.0, "memoryInGB": 0.5}
        }))
        .expect("good");
        assert_eq!(model.said.tags["a"], "1");
        assert_eq!(model.said.extra["resourceRequirements"]["cpu"], 1.0);
        assert_eq!(model.said.resources.memory_gb, Some(0.5));
        let mut kept = iris();
        kept.spec.extra = model.said.extra;
        let shown = &document(&kept)["resourceRequirements"];
        assert_eq!(shown, &json!({"cpu": 1.0, "memoryInGB": 0.5, "gpu": null}));
    }

    #[test]
    fn wrong_members_are_told_at_once() {
        let findings = read(&json!({
            "name": 1, "url": [], "unpack": "yes", "datasets": {}, "kvTags": [], "runId": 3,
            "frameworkVersion": "1"
        }))
        .expect_err("refused");
        let fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
        for field in [
            "name",
            "url",
            "unpack",
            "datasets",
            "runId",
            "kvTags",
            "frameworkVersion",
        ] {
            assert!(fields.contains(&field), "{field}");
        }
    }

    #[test]
    fn what_is_only_kept_has_limits() {
        let line = "x".repeat(2_000);
        let large = "x".repeat(100_000);
        let findings = read(&json!({
            "name": "iris", "url": "aml://asset/7", "mimeType": line, "framework": "Custom",
            "frameworkVersion": line, "experimentName": line, "runId": "a\u{0}",
            "parentModelId": line, "sampleInputData": line, "sampleOutputData": line,
            "resourceRequirements": {"more": large}, "kvTags": {"a": large},
            "properties": {"a": large},
        }))
        .expect_err("refused");
        let mut fields: Vec<_> = findings.iter().map(|it| it.field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "experimentName",
                "frameworkVersion",
                "kvTags",
                "mimeType",
                "parentModelId",
                "properties",
                "resourceRequirements",
                "runId",
                "sampleInputData",
                "sampleOutputData",
            ]
        );
    }

    #[test]
    fn a_patch_changes_what_is_said_and_nothing_else() {
        let said = update(
            &iris(),
            &json!([
                {"op": "replace", "path": "/kvTags", "value": {"stage": "live"}},
                {"op": "add", "path": "/properties", "value": {"a": "1", "b": "2"}},
                {"op": "add", "path": "/properties/x/y", "value": "z"},
                {"op": "replace", "path": "/description", "value": "d"},
                {"op": "replace", "path": "/sampleInputData", "value": "aml://dataset/1"},
            ]),
        )
        .expect("good");
        assert_eq!(said.tags["stage"], "live");
        assert_eq!(said.properties["b"], "2");
        assert_eq!(said.properties["x/y"], "z");
        assert_eq!(said.extra["sampleInputData"], "aml://dataset/1");

        let findings = update(
            &iris(),
            &json!([
                {"op": "replace", "path": "/name", "value": "other"},
                {"op": "replace", "path": "", "value": {}},
                {"op": "remove", "path": "/version"},
            ]),
        )
        .expect_err("refused");
        assert!(findings.len() >= 3);
    }
}
