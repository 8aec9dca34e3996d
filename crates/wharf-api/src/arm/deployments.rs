//! Template deployments: validate, put, read, and what they did.

use http::StatusCode;
use serde_json::Value;
use wharf_core::{
    Error, Kind,
    operation::{OperationId, TargetKind},
    template_deployment::TemplateRequest,
    workspace::Caller,
};
use wharf_wire::{
    arm::{
        deployments::{self, Deployment, DeploymentOperation, GroupScope},
        operations::OperationStatus,
    },
    page::ValueList,
};

use super::pending;
use crate::{
    answer::{self, Answered},
    call::Call,
    page::{self, encoded},
    refusal::Refusal,
};

/// The body, with its template evaluated for the group.
async fn request(call: &mut Call, caller: &Caller) -> Result<TemplateRequest, Refusal> {
    let document = call.lenient().await?;
    let (subscription, group) = (call.parameter("subscription"), call.parameter("group"));
    let app = call.app();
    let group = app
        .resource_group_get(caller, &subscription, &group)
        .await?;
    let scope = GroupScope {
        subscription: group.subscription.to_string(),
        tenant: app.tenant().to_string(),
        group: group.name,
        location: group.location,
    };
    deployments::parse(&document, &scope).map_err(|findings| {
        let refusal = Refusal::from(Error::Invalid(findings));
        Refusal {
            code: "InvalidTemplate",
            ..refusal
        }
    })
}

/// `PUT …/deployments/{deployment}`: all of it is done, or nothing, when this answers.
pub(crate) async fn put(mut call: Call, caller: Caller) -> Answered {
    let request = request(&mut call, &caller).await?;
    let subscription = call.parameter("subscription");
    let (group, name) = (call.parameter("group"), call.parameter("deployment"));
    let written = call
        .app()
        .template_deployment_put(&caller, &subscription, &group, &name, request)
        .await?;
    let status = if written.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut response = answer::json(status, &Deployment::from(&written.resource))?;
    let url = format!(
        "{}/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Resources/deployments/{}/\
         operationStatuses/{}?api-version=2025-04-01",
        call.public_url(),
        encoded(&subscription),
        encoded(&group),
        encoded(&name),
        written.operation
    );
    pending::operation(&mut response, url)?;
    Ok(response)
}

/// `POST …/deployments/{deployment}/validate`: whether a PUT would be understood.
pub(crate) async fn validate(mut call: Call, caller: Caller) -> Answered {
    let request = request(&mut call, &caller).await?;
    let name = call.parameter("deployment");
    let (subscription, group) = (call.parameter("subscription"), call.parameter("group"));
    let checked = call
        .app()
        .template_deployment_check(&caller, &subscription, &group, &name, request)
        .await?;
    answer::ok(&Deployment::from(&checked))
}

/// `GET …/deployments/{deployment}`.
pub(crate) async fn get(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    let (group, name) = (call.parameter("group"), call.parameter("deployment"));
    let found = call
        .app()
        .template_deployment_get(&caller, &subscription, &group, &name)
        .await?;
    answer::ok(&Deployment::from(&found))
}

/// `HEAD …/deployments/{deployment}`: 204 when it is there, 404 when not.
pub(crate) async fn exists(call: Call, caller: Caller) -> Answered {
    get(call, caller).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// `DELETE …/deployments/{deployment}`: forgets it; what it made stays.
pub(crate) async fn delete(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    let (group, name) = (call.parameter("group"), call.parameter("deployment"));
    call.app()
        .template_deployment_delete(&caller, &subscription, &group, &name)
        .await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// `GET …/resourcegroups/{group}/providers/Microsoft.Resources/deployments`.
pub(crate) async fn list_in_group(call: Call, caller: Caller) -> Answered {
    let (subscription, group) = (call.parameter("subscription"), call.parameter("group"));
    let asked = page::asked(&call)?;
    let listed = call
        .app()
        .template_deployment_list(&caller, &subscription, &group, &asked)
        .await?;
    answer::ok(&ValueList {
        value: listed.items.iter().map(Deployment::from).collect(),
        next_link: listed.next.map(|next| page::next_link(&call, &next)),
    })
}

/// `GET /subscriptions/{subscription}/providers/Microsoft.Resources/deployments`: those
/// that belong to no group, of which there are none.
pub(crate) async fn list(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    call.app().subscription_get(&caller, &subscription).await?;
    answer::ok(&ValueList::<Value>::last(Vec::new()))
}

/// `GET …/deployments/{deployment}/operations`.
pub(crate) async fn operations(call: Call, caller: Caller) -> Answered {
    let subscription = call.parameter("subscription");
    let (group, name) = (call.parameter("group"), call.parameter("deployment"));
    let found = call
        .app()
        .template_deployment_get(&caller, &subscription, &group, &name)
        .await?;
    answer::ok(&ValueList::last(DeploymentOperation::all(&found)))
}

/// `GET …/deployments/{deployment}/operationStatuses/{operation}`.
pub(crate) async fn operation_status(call: Call, caller: Caller) -> Answered {
    let (name, id) = (call.parameter("deployment"), call.parameter("operation"));
    let operation = call.app().operation_get(&caller, None, &id).await?;
    let is_its_own = operation.target_kind == TargetKind::TemplateDeployment
        && operation.target_name.eq_ignore_ascii_case(&name);
    let id: OperationId = operation.id;
    if !is_its_own {
        return Err(Error::not_found(Kind::Operation, id.to_string()).into());
    }
    answer::ok(&OperationStatus::new(call.uri().path(), &operation))
}
