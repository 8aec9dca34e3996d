//! Principals, role definitions and role assignments.
//!
//! Roles are Azure's built-in ones, by the ids that they have in every tenant
//! (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>).
//! Azure keeps principals in a directory of its own; here they have a small provider.

use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};
use wharf_core::{
    access::{Assignment, Role, Scope},
    finding::Finding,
    limits::MOST_SCOPES,
    workspace::Principal,
};

/// The id of a built-in role.
pub fn role_id(role: Role) -> Uuid {
    match role {
        Role::Owner => uuid!("8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
        Role::Contributor => uuid!("b24988ac-6180-42a0-ab88-20f7382dd24c"),
        Role::Reader => uuid!("acdd72a7-3385-48ef-bd42-f606fba81ae7"),
    }
}

/// The role that a definition's id names; only what stands behind the last slash counts.
fn role_of(id: &str) -> Option<Role> {
    let id = id.trim_end_matches('/').rsplit('/').next()?;
    let id: Uuid = id.parse().ok()?;
    Role::ALL.into_iter().find(|role| role_id(*role) == id)
}

/// What stands before `/providers` in the ids of what holds at a scope.
fn prefix(scope: &str) -> &str {
    scope.trim_end_matches('/')
}

/// The path of a role's definition.
fn definition_path(scope: &str, role: Role) -> String {
    format!(
        "{}/providers/Microsoft.Authorization/roleDefinitions/{}",
        prefix(scope),
        role_id(role)
    )
}

/// A built-in role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleDefinition {
    /// Its path.
    pub id: String,
    /// Its id.
    pub name: String,
    /// `Microsoft.Authorization/roleDefinitions`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What it allows.
    pub properties: RoleProperties,
}

/// What a role allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleProperties {
    /// What people read.
    pub role_name: &'static str,
    /// `BuiltInRole`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What people read.
    pub description: &'static str,
    /// Where it can be given.
    pub assignable_scopes: [&'static str; 1],
    /// What it allows.
    pub permissions: [Permissions; 1],
}

/// Actions with `*` for anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    /// Allowed.
    pub actions: Vec<&'static str>,
    /// Taken from those.
    pub not_actions: Vec<&'static str>,
    /// None.
    pub data_actions: Vec<&'static str>,
    /// None.
    pub not_data_actions: Vec<&'static str>,
}

impl RoleDefinition {
    /// A role as it is seen at a scope.
    pub fn new(scope: &str, role: Role) -> Self {
        let (description, actions, not_actions) = match role {
            Role::Owner => ("Everything, roles too.", vec!["*"], vec![]),
            Role::Contributor => (
                "Everything but giving roles to others.",
                vec!["*"],
                vec![
                    "Microsoft.Authorization/*/Delete",
                    "Microsoft.Authorization/*/Write",
                    "Wharf.Authorization/*/Delete",
                    "Wharf.Authorization/*/Write",
                    "Wharf.Authorization/*/Action",
                ],
            ),
            Role::Reader => ("Reads everything but secrets.", vec!["*/read"], vec![]),
        };
        Self {
            id: definition_path(scope, role),
            name: role_id(role).to_string(),
            kind: "Microsoft.Authorization/roleDefinitions",
            properties: RoleProperties {
                role_name: role.as_str(),
                kind: "BuiltInRole",
                description,
                assignable_scopes: ["/"],
                permissions: [Permissions {
                    actions,
                    not_actions,
                    data_actions: vec![],
                    not_data_actions: vec![],
                }],
            },
        }
    }
}

/// A role that somebody has somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// Its path.
    pub id: String,
    /// Its id.
    pub name: String,
    /// `Microsoft.Authorization/roleAssignments`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who, what and where.
    pub properties: AssignmentProperties,
}

/// Who has which role where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentProperties {
    /// Path of the role's definition.
    pub role_definition_id: String,
    /// Object id of who has it.
    pub principal_id: String,
    /// `ServicePrincipal`.
    pub principal_type: String,
    /// Where it holds.
    pub scope: String,
}

impl From<&Assignment> for RoleAssignment {
    fn from(held: &Assignment) -> Self {
        let scope = held.scope.as_str();
        Self {
            id: format!(
                "{}/providers/Microsoft.Authorization/roleAssignments/{}",
                prefix(scope),
                held.id
            ),
            name: held.id.to_string(),
            kind: "Microsoft.Authorization/roleAssignments".to_owned(),
            properties: AssignmentProperties {
                role_definition_id: definition_path(scope, held.role),
                principal_id: held.principal.to_string(),
                principal_type: "ServicePrincipal".to_owned(),
                scope: scope.to_owned(),
            },
        }
    }
}

/// The body of a PUT of a role assignment.
#[derive(Debug, Clone, Deserialize)]
pub struct RoleAssignmentRequest {
    /// Who and what.
    pub properties: RoleAssignmentRequestProperties,
}

/// Who gets what.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleAssignmentRequestProperties {
    /// The path or the id of a built-in role.
    #[serde(default)]
    pub role_definition_id: String,
    /// Object id of a principal.
    #[serde(default)]
    pub principal_id: String,
}

impl RoleAssignmentRequest {
    /// The role and who gets it.
    ///
    /// # Errors
    /// Every broken rule.
    pub fn read(&self) -> Result<(Role, Uuid), Vec<Finding>> {
        let role = role_of(&self.properties.role_definition_id);
        let principal: Option<Uuid> = self.properties.principal_id.parse().ok();
        let (Some(role), Some(principal)) = (role, principal) else {
            let mut findings = Vec::new();
            if role.is_none() {
                let known = Role::ALL.map(|role| format!("{} ({role})", role_id(role)));
                findings.push(Finding::new(
                    "properties.roleDefinitionId",
                    format!("must name a built-in role: {}", known.join(", ")),
                ));
            }
            if principal.is_none() {
                findings.push(Finding::new(
                    "properties.principalId",
                    "must be the object id of a principal, a GUID",
                ));
            }
            return Err(findings);
        };
        Ok((role, principal))
    }
}

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrincipalResource {
    /// Its path.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `Wharf.Authorization/principals`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What else is known.
    pub properties: PrincipalProperties,
}

/// What is known of somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrincipalProperties {
    /// Object id, which role assignments name.
    pub principal_id: String,
    /// For a client-credentials sign-in.
    pub client_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// Shown once: only its digest is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// What it may do, and where.
    pub role_assignments: Vec<HeldRole>,
}

/// A role and where it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRole {
    /// The role's name.
    pub role: String,
    /// Where it holds.
    pub scope: String,
}

impl PrincipalResource {
    /// A principal with its roles; with its secret only when it was just made.
    pub fn new(
        principal: &Principal,
        tenant: Uuid,
        assignments: &[Assignment],
        secret: Option<&str>,
    ) -> Self {
        let held = |held: &Assignment| HeldRole {
            role: held.role.to_string(),
            scope: held.scope.to_string(),
        };
        Self {
            id: format!(
                "/providers/Wharf.Authorization/principals/{}",
                principal.display_name
            ),
            name: principal.display_name.clone(),
            kind: "Wharf.Authorization/principals".to_owned(),
            properties: PrincipalProperties {
                principal_id: principal.id.to_string(),
                client_id: principal.client_id.to_string(),
                tenant_id: tenant.to_string(),
                client_secret: secret.map(str::to_owned),
                role_assignments: assignments.iter().map(held).collect(),
            },
        }
    }
}

/// The body of a PUT of a principal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PrincipalRequest {
    /// What it gets.
    pub properties: PrincipalRequestProperties,
}

/// What a new principal gets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PrincipalRequestProperties {
    /// `Reader`, `Contributor` or `Owner`.
    #[serde(default)]
    pub role: String,
    /// Where the role holds.
    #[serde(default)]
    pub scopes: Vec<String>,
}

impl PrincipalRequest {
    /// The role and where it holds.
    ///
    /// # Errors
    /// Every broken rule.
    pub fn read(&self) -> Result<(Role, Vec<Scope>), Vec<Finding>> {
        let (role, scopes) = (&self.properties.role, &self.properties.scopes);
        let mut findings = Vec::new();
        let parsed = role.parse::<Role>();
        if let Err(error) = &parsed {
            findings.push(Finding::new("properties.role", format!("`{role}` {error}")));
        }
        if !(1..=MOST_SCOPES).contains(&scopes.len()) {
            findings.push(Finding::new(
                "properties.scopes",
                format!("must have 1 to {MOST_SCOPES} scopes, has {}", scopes.len()),
            ));
        }
        let mut read = Vec::new();
        for (index, scope) in scopes.iter().enumerate().take(MOST_SCOPES) {
            match scope.parse::<Scope>() {
                Ok(scope) => read.push(scope),
                Err(error) => findings.push(Finding::new(
                    format!("properties.scopes[{index}]"),
                    format!("{} {error}", wharf_core::quote::Quoted(scope)),
                )),
            }
        }
        read.sort();
        read.dedup();
        match parsed {
            Ok(role) if findings.is_empty() => Ok((role, read)),
            _ => Err(findings),
        }
    }
}
