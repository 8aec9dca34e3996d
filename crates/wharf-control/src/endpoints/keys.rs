//! The two keys of an endpoint.

use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Kind, Result, Secret,
    endpoint_request::EndpointRequest,
    keys::{EndpointKeys, KeyKind, check_chosen_key},
    operation::{Operation, OperationId, OperationState, TargetKind, Verb},
    resource::Generation,
    workspace::{Caller, WorkspacePath},
};
use wharf_store::Txn;

use crate::{App, app::to_its_end, places::find_workspace};

/// Random bytes of a key: 192 bits, 32 characters.
const KEY_BYTES: usize = 24;

pub(super) fn random_key() -> Result<Secret> {
    let mut bytes = [0; KEY_BYTES];
    rand::fill(&mut bytes).map_err(|_| Error::internal("the system gives no random bytes"))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The keys of a new endpoint: those that the client chose, random ones otherwise.
pub(super) fn first_keys(request: &EndpointRequest) -> Result<EndpointKeys> {
    let key = |chosen: &Option<Secret>| chosen.clone().map_or_else(random_key, Ok);
    Ok(EndpointKeys {
        primary: key(&request.primary_key)?,
        secondary: key(&request.secondary_key)?,
    })
}

/// Keys that a client chose for an endpoint that is there.
#[derive(Default)]
pub(super) struct ChosenKeys {
    pub(super) primary: Option<Secret>,
    pub(super) secondary: Option<Secret>,
}

impl ChosenKeys {
    /// The keys with what was chosen; `None` when that changes nothing.
    pub(super) fn over(self, known: &EndpointKeys) -> Option<EndpointKeys> {
        let keys = EndpointKeys {
            primary: self.primary.unwrap_or_else(|| known.primary.clone()),
            secondary: self.secondary.unwrap_or_else(|| known.secondary.clone()),
        };
        (keys != *known).then_some(keys)
    }
}

impl App {
    /// The endpoint's keys, also by the name of a version.
    ///
    /// # Errors
    /// As [`App::endpoint_meant`].
    pub async fn endpoint_keys(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<EndpointKeys> {
        let (endpoint, _) = self.endpoint_meant(caller, path, name).await?;
        let keys = self
            .store()
            .read()
            .await?
            .endpoint_keys(&endpoint.id)
            .await?;
        keys.ok_or_else(|| Error::not_found(Kind::Endpoint, name))
    }

    /// Replaces one key by a random or a chosen one, at once: the operation has
    /// ended when this returns, and the router knows the new key.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`]; [`wharf_core::Error::Invalid`] for a bad key.
    pub async fn endpoint_regenerate_key(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        kind: KeyKind,
        chosen: Option<Secret>,
    ) -> Result<OperationId> {
        if let Some(key) = &chosen {
            let mut findings = Vec::new();
            check_chosen_key("keyValue", key, &mut findings);
            if !findings.is_empty() {
                return Err(Error::Invalid(findings));
            }
        }
        let key = chosen.map_or_else(random_key, Ok)?;
        let (path, name, now) = (path.clone(), name.to_owned(), self.now());
        let app = self.clone();
        to_its_end(async move {
            let work = app.store().write::<_, Error, _>(move |txn| {
                Box::pin(async move { set_key(txn, &path, &name, kind, key, now).await })
            });
            let (endpoint, operation) = work.await?;
            // First, since it cannot fail: the endpoint's step publishes the route too.
            app.inner.endpoints.wake(endpoint);
            app.inner.routes.refresh(app.store(), &endpoint).await?;
            Ok(operation)
        })
        .await
    }
}

/// The endpoint whose key was set, and the operation that did.
async fn set_key(
    txn: &mut Txn,
    path: &WorkspacePath,
    name: &str,
    kind: KeyKind,
    key: Secret,
    now: Timestamp,
) -> Result<(Uuid, OperationId)> {
    let missing = || Error::not_found(Kind::Endpoint, name);
    let workspace = find_workspace(txn, path).await?;
    let endpoint = txn
        .endpoint_get(&workspace.id, name)
        .await?
        .ok_or_else(missing)?;
    let mut keys = txn.endpoint_keys(&endpoint.id).await?.ok_or_else(missing)?;
    match kind {
        KeyKind::Primary => keys.primary = key,
        KeyKind::Secondary => keys.secondary = key,
    }
    txn.endpoint_keys_put(&endpoint.id, &keys).await?;
    let operation = Operation {
        id: OperationId::random(),
        workspace: Some(workspace.id),
        verb: Verb::Update,
        target_kind: TargetKind::Endpoint,
        target: endpoint.id,
        target_name: name.to_owned(),
        // Not a change of the spec: aims at no generation.
        generation: Generation(0),
        state: OperationState::Succeeded,
        step: None,
        created_at: now,
        ended_at: Some(now),
    };
    txn.operation_insert(&operation).await?;
    Ok((endpoint.id, operation.id))
}
