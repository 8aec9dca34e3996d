//! Template deployments: several resources put into a group at once.

use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    finding::Finding,
    name::{TemplateDeploymentName, WorkspaceName},
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    quote::Quoted,
    resource::Generation,
    resource_id::ResourceId,
    template_deployment::{
        DeployedResource, TemplateDeployment, TemplateRequest, TemplateResource,
    },
    workspace::{Caller, ResourceGroup},
};
use wharf_store::Txn;

use crate::{App, Listed, Page, Written, places::find_group, workspaces::put_in_txn};

/// Most deployments that a group remembers; the oldest goes for a new one (ARM's own
/// limit, at which it too forgets old ones).
const MOST_REMEMBERED: u64 = 800;

fn check_name(name: &str) -> Result<()> {
    match name.parse::<TemplateDeploymentName>() {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::invalid(
            "deploymentName",
            format!("{} {error}", Quoted(name)),
        )),
    }
}

/// Findings about a resource, with its place in the template.
fn placed(place: &str, findings: Vec<Finding>) -> Vec<Finding> {
    findings
        .into_iter()
        .map(|it| Finding::new(format!("{place}.{}", it.field), it.message))
        .collect()
}

/// A role on a deployment is none on what it makes.
fn may_make(
    caller: &Caller,
    subscription: &str,
    group: &str,
    request: &TemplateRequest,
) -> Result<()> {
    const WRITE: &str = "Microsoft.MachineLearningServices/workspaces/write";
    for resource in &request.resources {
        let TemplateResource::Workspace { name, .. } = resource else {
            continue;
        };
        let scope = ResourceId::workspace(subscription, group, name).scope();
        if !caller.may(WRITE, &scope) {
            return Err(Error::Forbidden {
                why: format!(
                    "the deployment makes workspace {}, and the client '{}' does not have \
                     authorization to perform action '{WRITE}' over it",
                    Quoted(name),
                    caller.principal.client_id
                ),
            });
        }
    }
    Ok(())
}

/// Makes one resource of a template.
async fn make(
    txn: &mut Txn,
    group: &ResourceGroup,
    resource: TemplateResource,
    now: jiff::Timestamp,
) -> Result<DeployedResource> {
    match resource {
        TemplateResource::Helper { id, kind, name } => Ok(DeployedResource {
            id,
            kind,
            name,
            is_new: true,
        }),
        TemplateResource::Workspace {
            name,
            request,
            place,
        } => {
            let put = put_in_txn(txn, group, &name, *request, now).await;
            let (workspace, is_new) = put.map_err(|error| match error {
                Error::Invalid(findings) => Error::Invalid(placed(&place, findings)),
                other => other,
            })?;
            let id = workspace.resource_id();
            Ok(DeployedResource {
                kind: id.resource_type(),
                id: id.to_string(),
                name: workspace.name.to_string(),
                is_new,
            })
        }
    }
}

async fn deploy(
    txn: &mut Txn,
    group: &ResourceGroup,
    name: String,
    request: TemplateRequest,
    now: jiff::Timestamp,
) -> Result<Written<TemplateDeployment>> {
    check_name(&name)?;
    let known = txn
        .template_deployment_get(&group.subscription, &group.name, &name)
        .await?;
    let is_new = known.is_none();
    let count = txn
        .template_deployment_count(&group.subscription, &group.name)
        .await?;
    if is_new && count >= MOST_REMEMBERED {
        txn.template_deployment_delete_oldest(&group.subscription, &group.name)
            .await?;
    }
    let mut shown = request.shown;
    for resource in request.resources {
        shown.resources.push(make(txn, group, resource, now).await?);
    }
    let operation = OperationId::random();
    shown.operation = operation.0;
    let generation = known
        .as_ref()
        .map_or(Generation::FIRST, |it| it.generation.next());
    let deployment = TemplateDeployment {
        id: known.map_or_else(Uuid::new_v4, |it| it.id),
        subscription: group.subscription,
        group: group.name.clone(),
        name,
        shown,
        generation,
        created_at: now,
    };
    txn.template_deployment_put(&deployment).await?;
    txn.operation_insert(&Operation {
        id: operation,
        workspace: None,
        verb: if is_new { Verb::Create } else { Verb::Update },
        target_kind: TargetKind::TemplateDeployment,
        target: deployment.id,
        target_name: deployment.name.clone(),
        generation,
        state: OperationState::Succeeded,
        step: None,
        created_at: now,
        ended_at: Some(now),
    })
    .await?;
    Ok(Written {
        resource: deployment,
        operation,
        is_new,
    })
}

impl App {
    /// Makes all that a template says, in one transaction: all of it or nothing.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] with the place in the template;
    /// [`wharf_core::Error::Conflict`] with what is there;
    /// [`wharf_core::Error::Forbidden`] for a resource that the caller may not write.
    pub async fn template_deployment_put(
        &self,
        caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
        request: TemplateRequest,
    ) -> Result<Written<TemplateDeployment>> {
        may_make(caller, subscription, group, &request)?;
        let now = self.now();
        let (subscription, group, name) =
            (subscription.to_owned(), group.to_owned(), name.to_owned());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let group = find_group(txn, &subscription, &group).await?;
                    deploy(txn, &group, name, request, now).await
                })
            })
            .await
    }

    /// What a PUT of this would answer, without doing any of it; what is in the way of
    /// it is told by the PUT.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the group; [`wharf_core::Error::Invalid`].
    pub async fn template_deployment_check(
        &self,
        _caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
        request: TemplateRequest,
    ) -> Result<TemplateDeployment> {
        check_name(name)?;
        let mut findings = Vec::new();
        for resource in &request.resources {
            if let TemplateResource::Workspace {
                name,
                request,
                place,
            } = resource
            {
                let mut found = Vec::new();
                request.check(&mut found);
                if let Err(error) = name.parse::<WorkspaceName>() {
                    found.push(Finding::new("name", format!("{} {error}", Quoted(name))));
                }
                findings.extend(placed(place, found));
            }
        }
        if !findings.is_empty() {
            return Err(Error::Invalid(findings));
        }
        let mut session = self.store().read().await?;
        let group = find_group(&mut session, subscription, group).await?;
        Ok(TemplateDeployment {
            id: Uuid::new_v4(),
            subscription: group.subscription,
            group: group.name,
            name: name.to_owned(),
            shown: request.shown,
            generation: Generation::FIRST,
            created_at: self.now(),
        })
    }

    /// One deployment that the caller may read.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn template_deployment_get(
        &self,
        caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<TemplateDeployment> {
        let mut session = self.store().read().await?;
        let group = find_group(&mut session, subscription, group).await?;
        session
            .template_deployment_get(&group.subscription, &group.name, name)
            .await?
            .filter(|deployment| caller.may_read(&deployment.scope()))
            .ok_or_else(|| Error::not_found(Kind::TemplateDeployment, name))
    }

    /// A part of the deployments of a group: those that the caller may read.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the group.
    pub async fn template_deployment_list(
        &self,
        caller: &Caller,
        subscription: &str,
        group: &str,
        page: &Page,
    ) -> Result<Listed<TemplateDeployment>> {
        let mut session = self.store().read().await?;
        let group = find_group(&mut session, subscription, group).await?;
        let found = session
            .template_deployment_list(
                &group.subscription,
                &group.name,
                page.after.as_deref(),
                page.look_ahead(),
            )
            .await?;
        let mut listed = page.listed(found, |deployment| deployment.name.clone());
        let items = &mut listed.items;
        items.retain(|deployment| caller.may_read(&deployment.scope()));
        Ok(listed)
    }

    /// Forgets a deployment; what it made stays. Whether it was there.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the group.
    pub async fn template_deployment_delete(
        &self,
        _caller: &Caller,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<bool> {
        let (subscription, group, name) =
            (subscription.to_owned(), group.to_owned(), name.to_owned());
        self.store()
            .write(move |txn| {
                Box::pin(async move {
                    let group = find_group(txn, &subscription, &group).await?;
                    let known = txn
                        .template_deployment_get(&group.subscription, &group.name, &name)
                        .await?;
                    match known {
                        None => Ok(false),
                        Some(known) => Ok(txn.template_deployment_delete(&known.id).await?),
                    }
                })
            })
            .await
    }
}
