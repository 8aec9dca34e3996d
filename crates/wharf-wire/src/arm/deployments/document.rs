//! What answers say of a deployment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wharf_core::template_deployment::{DeployedResource, TemplateDeployment};

/// Every deployment is done by the time it is answered.
const SUCCEEDED: &str = "Succeeded";
/// No time, in ISO 8601.
const NO_TIME: &str = "PT0S";

/// A deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Microsoft.Resources/deployments`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Everything else.
    pub properties: DeploymentProperties,
}

/// Everything else of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentProperties {
    /// How it stands.
    pub provisioning_state: String,
    /// `Incremental`.
    pub mode: String,
    /// When it was accepted.
    pub timestamp: Timestamp,
    /// How long it took.
    pub duration: String,
    /// Ties it to its operation.
    pub correlation_id: String,
    /// The template's own hash.
    pub template_hash: String,
    /// `{name: {type, value}}`.
    pub parameters: Map<String, Value>,
    /// `{name: {type, value}}`.
    pub outputs: Map<String, Value>,
    /// What it made.
    pub output_resources: Vec<ResourceReference>,
}

/// A resource by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceReference {
    /// Its ARM id.
    pub id: String,
}

impl From<&TemplateDeployment> for Deployment {
    fn from(deployment: &TemplateDeployment) -> Self {
        let shown = &deployment.shown;
        let reference = |made: &DeployedResource| ResourceReference {
            id: made.id.clone(),
        };
        Self {
            id: deployment.resource_id().to_string(),
            name: deployment.name.clone(),
            kind: "Microsoft.Resources/deployments".to_owned(),
            properties: DeploymentProperties {
                provisioning_state: SUCCEEDED.to_owned(),
                mode: shown.mode.clone(),
                timestamp: deployment.created_at,
                duration: NO_TIME.to_owned(),
                correlation_id: shown.operation.to_string(),
                template_hash: shown.template_hash.clone(),
                parameters: shown.parameters.clone(),
                outputs: shown.outputs.clone(),
                output_resources: shown.resources.iter().map(reference).collect(),
            },
        }
    }
}

/// What a deployment did about one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentOperation {
    /// Its ARM id.
    pub id: String,
    /// Its id among those of the deployment.
    pub operation_id: String,
    /// Everything else.
    pub properties: DeploymentOperationProperties,
}

/// Everything else of what a deployment did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentOperationProperties {
    /// `Create`.
    pub provisioning_operation: String,
    /// How it stands.
    pub provisioning_state: String,
    /// When it was done.
    pub timestamp: Timestamp,
    /// How long it took.
    pub duration: String,
    /// `Created` or `OK`.
    pub status_code: String,
    /// What it was done to.
    pub target_resource: TargetResource,
}

/// What something was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetResource {
    /// Its ARM id.
    pub id: String,
    /// Its full type.
    pub resource_type: String,
    /// Its name, by which SDK v1 tells how far it is.
    pub resource_name: String,
}

impl DeploymentOperation {
    /// All that a deployment did, in order.
    pub fn all(deployment: &TemplateDeployment) -> Vec<Self> {
        let one = |(index, made): (usize, &DeployedResource)| {
            let status = if made.is_new { "Created" } else { "OK" };
            Self {
                id: format!("{}/operations/{index}", deployment.resource_id()),
                operation_id: index.to_string(),
                properties: DeploymentOperationProperties {
                    provisioning_operation: "Create".to_owned(),
                    provisioning_state: SUCCEEDED.to_owned(),
                    timestamp: deployment.created_at,
                    duration: NO_TIME.to_owned(),
                    status_code: status.to_owned(),
                    target_resource: TargetResource {
                        id: made.id.clone(),
                        resource_type: made.kind.clone(),
                        resource_name: made.name.clone(),
                    },
                },
            }
        };
        deployment
            .shown
            .resources
            .iter()
            .enumerate()
            .map(one)
            .collect()
    }
}
