//! Use cases that write endpoints.

use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result,
    endpoint::{Endpoint, EndpointSpec, EndpointStatus},
    endpoint_request::EndpointRequest,
    keys::EndpointKeys,
    name::EndpointName,
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    resource::Generation,
    workspace::{Caller, WorkspacePath},
};
use wharf_store::Txn;

use super::keys::{ChosenKeys, first_keys};
use crate::{App, Written, places::find_workspace};

fn conflict(name: &str, why: &str) -> Error {
    Error::conflict(Kind::Endpoint, name, why)
}

fn taken(name: &str) -> Error {
    conflict(
        name,
        "is there already; update it, delete it first, or deploy with overwrite",
    )
}

fn going(name: &str) -> Error {
    conflict(name, "is being deleted; wait until it is gone")
}

fn changed(name: &str) -> Error {
    conflict(
        name,
        "was changed by somebody else at the same time; read it again and repeat the change",
    )
}

fn operation(endpoint: &Endpoint, verb: Verb, generation: Generation, now: Timestamp) -> Operation {
    Operation {
        id: OperationId::random(),
        workspace: Some(endpoint.workspace),
        verb,
        target_kind: TargetKind::Endpoint,
        target: endpoint.id,
        target_name: endpoint.name.to_string(),
        generation,
        state: OperationState::InProgress,
        step: None,
        created_at: now,
        ended_at: None,
    }
}

/// What was looked up outside of the writer must still hold inside of it.
async fn check_compute(txn: &mut Txn, spec: &EndpointSpec) -> Result<()> {
    match txn.compute_by_id(&spec.compute).await? {
        Some(compute) if compute.spec.removal.is_none() => Ok(()),
        _ => Err(Error::invalid(
            "computeName",
            format!("compute `{}` is being removed", spec.compute_name),
        )),
    }
}

async fn insert(txn: &mut Txn, endpoint: &Endpoint, keys: &EndpointKeys) -> Result<OperationId> {
    check_compute(txn, &endpoint.spec).await?;
    let known = txn
        .endpoint_get(&endpoint.workspace, endpoint.name.as_str())
        .await?;
    if let Some(known) = known {
        let name = known.name.as_str();
        return Err(if known.spec.is_absent {
            going(name)
        } else {
            taken(name)
        });
    }
    let operation = operation(
        endpoint,
        Verb::Create,
        Generation::FIRST,
        endpoint.created_at,
    );
    txn.endpoint_insert(endpoint, keys).await?;
    txn.operation_insert(&operation).await?;
    Ok(operation.id)
}

async fn update(
    txn: &mut Txn,
    known: &Endpoint,
    spec: EndpointSpec,
    chosen: ChosenKeys,
    now: Timestamp,
) -> Result<Written<Endpoint>> {
    check_compute(txn, &spec).await?;
    let generation = known.generation.next();
    if !txn
        .endpoint_update_spec(known, generation, &spec, now)
        .await?
    {
        return Err(changed(known.name.as_str()));
    }
    if let Some(keys) = txn.endpoint_keys(&known.id).await?
        && let Some(keys) = chosen.over(&keys)
    {
        txn.endpoint_keys_put(&known.id, &keys).await?;
    }
    let operation = operation(known, Verb::Update, generation, now);
    txn.operation_insert(&operation).await?;
    Ok(Written {
        resource: Endpoint {
            spec,
            generation,
            modified_at: now,
            ..known.clone()
        },
        operation: operation.id,
        is_new: false,
    })
}

async fn delete(
    txn: &mut Txn,
    path: &WorkspacePath,
    name: &str,
    now: Timestamp,
) -> Result<Option<(Uuid, OperationId)>> {
    let workspace = find_workspace(txn, path).await?;
    let Some(known) = txn.endpoint_get(&workspace.id, name).await? else {
        return Ok(None);
    };
    // One that was given up is begun again.
    if known.spec.is_absent && !known.status.observed.has_ended(known.generation) {
        let under_way = txn.operation_at(&known.id, known.generation).await?;
        return Ok(under_way.map(|operation| (known.id, operation)));
    }
    let spec = EndpointSpec {
        is_absent: true,
        ..known.spec.clone()
    };
    let generation = known.generation.next();
    txn.endpoint_update_spec(&known, generation, &spec, now)
        .await?;
    let operation = operation(&known, Verb::Delete, generation, now);
    txn.operation_insert(&operation).await?;
    Ok(Some((known.id, operation.id)))
}

/// What an overwrite asks for: properties can only be added, also by it. The values that
/// it names are its own.
fn with_kept_properties(known: &Endpoint, mut request: EndpointRequest) -> EndpointRequest {
    for (name, value) in &known.spec.properties {
        let kept = request.properties.entry(name.clone());
        kept.or_insert_with(|| value.clone());
    }
    for version in request.versions.iter_mut().flatten() {
        let asked = &mut version.deployment;
        let mut there = known.spec.deployments.iter();
        let there = there.find(|it| it.name.as_str() == asked.name);
        for (name, value) in there
            .and_then(|it| it.version.as_ref())
            .into_iter()
            .flat_map(|version| &version.properties)
        {
            let kept = asked.properties.entry(name.clone());
            kept.or_insert_with(|| value.clone());
        }
    }
    request
}

impl App {
    /// Whether `name` can be given to a new endpoint.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] or [`wharf_core::Error::Conflict`] when not.
    pub async fn endpoint_name_check(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<()> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        if let Err(error) = name.parse::<EndpointName>() {
            return Err(Error::invalid("name", format!("`{name}` {error}")));
        }
        match session.endpoint_get(&workspace.id, name).await? {
            Some(known) if known.spec.is_absent => Err(going(name)),
            Some(_) => Err(taken(name)),
            None => Ok(()),
        }
    }

    /// Whether the request would be accepted, without changing anything.
    ///
    /// # Errors
    /// As [`App::endpoint_create`] and [`App::endpoint_update`].
    pub async fn endpoint_check(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        request: &EndpointRequest,
        is_update: bool,
    ) -> Result<()> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let known = session.endpoint_get(&workspace.id, &request.name).await?;
        drop(session);
        match (&known, is_update) {
            (Some(known), _) if known.spec.is_absent => return Err(going(known.name.as_str())),
            (None, true) => return Err(Error::not_found(Kind::Endpoint, &request.name)),
            (Some(known), false) if !request.overwrite => return Err(taken(known.name.as_str())),
            _ => {}
        }
        let overwriting = match &known {
            Some(known) if request.overwrite => Some(with_kept_properties(known, request.clone())),
            _ => None,
        };
        let request = overwriting.as_ref().unwrap_or(request);
        self.pin(&workspace, request, known.as_ref()).await?;
        Ok(())
    }

    /// Creates an endpoint; replaces one when the request says so.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] with every broken rule,
    /// [`wharf_core::Error::Conflict`] when the name is taken.
    pub async fn endpoint_create(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        request: EndpointRequest,
    ) -> Result<Written<Endpoint>> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let known = session.endpoint_get(&workspace.id, &request.name).await?;
        drop(session);
        if let Some(known) = &known {
            if known.spec.is_absent {
                return Err(going(known.name.as_str()));
            }
            if request.overwrite {
                return self.replace(&workspace, known, request).await;
            }
            return Err(taken(known.name.as_str()));
        }
        let spec = self.pin(&workspace, &request, None).await?;
        let name = request.name.parse();
        let name: EndpointName =
            name.map_err(|_| Error::internal("a name that was not checked"))?;
        let now = self.now();
        let endpoint = Endpoint {
            id: Uuid::new_v4(),
            workspace: workspace.id,
            name,
            status: EndpointStatus::new(&spec.deployments),
            spec,
            generation: Generation::FIRST,
            created_by: caller.principal.display_name.clone(),
            created_at: now,
            modified_at: now,
        };
        let keys = first_keys(&request)?;
        let made = endpoint.clone();
        let key = endpoint.id;
        let operation = self
            .write_then(
                move |txn| Box::pin(async move { insert(txn, &made, &keys).await }),
                move |app, _| app.inner.endpoints.wake(key),
            )
            .await?;
        Ok(Written {
            resource: endpoint,
            operation,
            is_new: true,
        })
    }

    async fn replace(
        &self,
        workspace: &wharf_core::workspace::Workspace,
        known: &Endpoint,
        request: EndpointRequest,
    ) -> Result<Written<Endpoint>> {
        let request = with_kept_properties(known, request);
        let spec = self.pin(workspace, &request, Some(known)).await?;
        let chosen = ChosenKeys {
            primary: request.primary_key,
            secondary: request.secondary_key,
        };
        self.write_update(known.clone(), spec, chosen).await
    }

    async fn write_update(
        &self,
        known: Endpoint,
        spec: EndpointSpec,
        chosen: ChosenKeys,
    ) -> Result<Written<Endpoint>> {
        let now = self.now();
        self.write_then(
            move |txn| Box::pin(async move { update(txn, &known, spec, chosen, now).await }),
            |app, written| app.inner.endpoints.wake(written.resource.id),
        )
        .await
    }

    /// Changes an endpoint to what `request` says, if it is still at `expected`.
    ///
    /// # Errors
    /// As [`App::endpoint_create`]; [`wharf_core::Error::NotFound`];
    /// [`wharf_core::Error::Conflict`] when somebody else changed it meanwhile.
    pub async fn endpoint_update(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        expected: Generation,
        mut request: EndpointRequest,
    ) -> Result<Written<Endpoint>> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let known = session
            .endpoint_get(&workspace.id, name)
            .await?
            .ok_or_else(|| Error::not_found(Kind::Endpoint, name))?;
        drop(session);
        if known.spec.is_absent {
            return Err(going(name));
        }
        if known.generation != expected {
            return Err(changed(name));
        }
        if request.name != name {
            return Err(Error::invalid(
                "name",
                format!("is `{name}` and cannot be changed"),
            ));
        }
        // A change is no overwrite, whatever the document says.
        request.overwrite = false;
        let spec = self.pin(&workspace, &request, Some(&known)).await?;
        self.write_update(known, spec, ChosenKeys::default()).await
    }

    /// Deletes an endpoint; `None` when there is none.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn endpoint_delete(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Option<OperationId>> {
        let (path, name, now) = (path.clone(), name.to_owned(), self.now());
        let deleted = self
            .write_then(
                move |txn| Box::pin(async move { delete(txn, &path, &name, now).await }),
                |app, deleted| {
                    if let Some((endpoint, _)) = deleted {
                        app.inner.endpoints.wake(*endpoint);
                    }
                },
            )
            .await?;
        Ok(deleted.map(|(_, operation)| operation))
    }
}
