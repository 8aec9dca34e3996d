//! Principals, and who has which role where.

use http::StatusCode;
use uuid::Uuid;
use wharf_control::principals::NewSecret;
use wharf_core::{
    Error,
    access::{Assignment, Role, Scope},
    workspace::Caller,
};
use wharf_wire::{
    arm::authorization::{
        PrincipalRequest, PrincipalResource, RoleAssignment, RoleAssignmentRequest, RoleDefinition,
    },
    page::ValueList,
};

use crate::{
    answer::{self, Answered},
    call::Call,
    refusal::Refusal,
};

/// The subscription, the resource group or the workspace of the path.
fn scope(call: &Call) -> Scope {
    let (group, workspace) = (call.parameter("group"), call.parameter("workspace"));
    let subscription = call.parameter("subscription");
    let mut segments = vec!["subscriptions", &subscription];
    if !group.is_empty() {
        segments.extend(["resourceGroups", &group]);
    }
    if !workspace.is_empty() {
        let provider = wharf_core::resource_id::MACHINE_LEARNING;
        segments.extend(["providers", provider, "workspaces", &workspace]);
    }
    Scope::of_segments(segments)
}

fn assignment_id(call: &Call) -> Result<Uuid, Refusal> {
    let text = call.parameter("assignment");
    text.parse()
        .map_err(|_| Refusal::field("roleAssignmentName", "must be a GUID"))
}

/// `GET …/roleDefinitions`: the built-in ones.
pub(crate) async fn definitions(call: Call, _caller: Caller) -> Answered {
    let scope = format!("/subscriptions/{}", call.parameter("subscription"));
    // `roleName eq '…'`, as `az role assignment create` asks.
    let filter = call
        .query("$filter")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let is_wanted = |role: &Role| {
        let name = format!("'{}'", role.as_str().to_ascii_lowercase());
        !filter.contains("rolename") || filter.contains(&name)
    };
    let wanted = Role::ALL.into_iter().filter(is_wanted);
    let value = wanted.map(|role| RoleDefinition::new(&scope, role));
    answer::ok(&ValueList::last(value.collect()))
}

/// `GET …/roleAssignments`: those at the scope, above and below it that the caller may
/// read.
pub(crate) async fn assignments(call: Call, caller: Caller) -> Answered {
    let found = call
        .app()
        .role_assignment_list(&caller, &scope(&call))
        .await?;
    let value = found.iter().map(RoleAssignment::from).collect();
    answer::ok(&ValueList::last(value))
}

/// `PUT …/roleAssignments/{assignment}`.
pub(crate) async fn assign(mut call: Call, caller: Caller) -> Answered {
    let id = assignment_id(&call)?;
    let request: RoleAssignmentRequest = call.json().await?;
    let (role, principal) = request.read().map_err(Error::Invalid)?;
    let wanted = Assignment {
        id,
        principal,
        role,
        scope: scope(&call),
    };
    let held = call.app().role_assignment_put(&caller, wanted).await?;
    answer::json(StatusCode::CREATED, &RoleAssignment::from(&held))
}

/// `DELETE …/roleAssignments/{assignment}`: 204 when there is none.
pub(crate) async fn unassign(call: Call, caller: Caller) -> Answered {
    let (id, scope) = (assignment_id(&call)?, scope(&call));
    match call
        .app()
        .role_assignment_delete(&caller, &scope, id)
        .await?
    {
        Some(held) => answer::ok(&RoleAssignment::from(&held)),
        None => Ok(answer::empty(StatusCode::NO_CONTENT)),
    }
}

/// `GET /providers/Wharf.Authorization/principals`.
pub(crate) async fn principals(call: Call, caller: Caller) -> Answered {
    let tenant = call.app().tenant();
    let found = call.app().principal_list(&caller).await?;
    let value = found
        .iter()
        .map(|it| PrincipalResource::new(&it.principal, tenant, &it.assignments, None));
    answer::ok(&ValueList::last(value.collect()))
}

fn shown(call: &Call, made: &NewSecret) -> Answered {
    let member = &made.member;
    answer::secret(&PrincipalResource::new(
        &member.principal,
        call.app().tenant(),
        &member.assignments,
        Some(made.secret.reveal()),
    ))
}

/// `PUT /providers/Wharf.Authorization/principals/{principal}`: 201 with the secret,
/// which is shown this once.
pub(crate) async fn create_principal(mut call: Call, caller: Caller) -> Answered {
    let request: PrincipalRequest = call.json().await?;
    let (role, scopes) = request.read().map_err(Error::Invalid)?;
    let name = call.parameter("principal").into_owned();
    let made = call
        .app()
        .principal_create(&caller, &name, role, &scopes)
        .await?;
    let mut response = shown(&call, &made)?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// `POST …/principals/{principal}/renewSecret`.
pub(crate) async fn renew_secret(call: Call, caller: Caller) -> Answered {
    let name = call.parameter("principal").into_owned();
    let made = call.app().principal_renew_secret(&caller, &name).await?;
    shown(&call, &made)
}

/// `DELETE …/principals/{principal}`: 204 when there is none.
pub(crate) async fn delete_principal(call: Call, caller: Caller) -> Answered {
    let name = call.parameter("principal").into_owned();
    let was_there = call.app().principal_delete(&caller, &name).await?;
    Ok(answer::empty(match was_there {
        true => StatusCode::OK,
        false => StatusCode::NO_CONTENT,
    }))
}
