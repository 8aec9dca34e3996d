//! Template deployments: a document with several resources, put into a resource
//! group at once (ARM's `Microsoft.Resources/deployments`).
//!
//! Not to be taken for a [`crate::deployment`], which is model, code and resources
//! under an endpoint.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    access::Scope, resource::Generation, resource_id::ResourceId, workspace::WorkspaceRequest,
};

/// What Wharf does with one resource of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateResource {
    /// Makes or changes a workspace of that name.
    Workspace {
        /// Its name as written; not yet checked.
        name: String,
        /// What it is to be.
        request: Box<WorkspaceRequest>,
        /// Where it stands in the template, for findings.
        place: String,
    },
    /// Nothing: a store, a vault or the like that a workspace has in the cloud and
    /// does not need here. It is reported as made.
    Helper {
        /// Its ARM id, as it would be.
        id: String,
        /// Its full type.
        kind: String,
        /// Its name.
        name: String,
    },
}

/// A PUT of a template deployment, its template evaluated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TemplateRequest {
    /// What is to be made, in order.
    pub resources: Vec<TemplateResource>,
    /// What answers show of the request; no secret is in it.
    pub shown: ShownDeployment,
}

/// What answers show of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShownDeployment {
    /// How it was to be applied.
    pub mode: String,
    /// Parameters by name, those that are secret without their values.
    pub parameters: Map<String, Value>,
    /// Outputs by name.
    pub outputs: Map<String, Value>,
    /// The template's own hash.
    pub template_hash: String,
    /// What was made.
    pub resources: Vec<DeployedResource>,
    /// The operation of the newest PUT.
    pub operation: Uuid,
}

/// One resource of a deployment that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployedResource {
    /// Its ARM id.
    pub id: String,
    /// Its full type.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether it was there before.
    pub is_new: bool,
}

/// A deployment that was accepted. It ends in the transaction that accepts it.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateDeployment {
    /// Its id.
    pub id: Uuid,
    /// The subscription it is in.
    pub subscription: Uuid,
    /// The resource group it is in.
    pub group: String,
    /// Its name.
    pub name: String,
    /// What answers show.
    pub shown: ShownDeployment,
    /// Counts its PUTs.
    pub generation: Generation,
    /// When the newest of them was accepted.
    pub created_at: Timestamp,
}

impl TemplateDeployment {
    /// Its ARM id.
    pub fn resource_id(&self) -> ResourceId {
        ResourceId {
            subscription: self.subscription.to_string(),
            group: self.group.clone(),
            provider: "Microsoft.Resources".to_owned(),
            path: vec![("deployments".to_owned(), self.name.clone())],
        }
    }

    /// Where roles on it are held.
    pub fn scope(&self) -> Scope {
        self.resource_id().scope()
    }
}
