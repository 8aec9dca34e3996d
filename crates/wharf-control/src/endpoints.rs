//! Endpoints with their deployments: check, create, update, read, delete.

use wharf_core::{
    Result, Secret,
    endpoint::Endpoint,
    endpoint_request::EndpointRequest,
    keys::{EndpointKeys, KeyKind},
    model::Model,
    operation::OperationId,
    resource::Generation,
    workspace::{Caller, WorkspacePath},
};

use crate::{App, Listed, Page, Written};

/// Which endpoints of a list are wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndpointQuery {
    /// Using a model of this name.
    pub model_name: Option<String>,
    /// Using this model, `name:version`.
    pub model_id: Option<String>,
    /// With these tags; `None` as value asks for the name alone.
    pub tags: Vec<(String, Option<String>)>,
    /// With these properties, likewise.
    pub properties: Vec<(String, Option<String>)>,
}

impl App {
    /// Whether `name` can be given to a new endpoint.
    ///
    /// # Errors
    /// [`wharf_core::Error::Invalid`] or [`wharf_core::Error::Conflict`] when not.
    pub async fn endpoint_name_check(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<()> {
        let _ = (caller, path, name);
        todo!()
    }

    /// Whether the request would be accepted, without changing anything.
    ///
    /// # Errors
    /// As [`App::endpoint_create`] and [`App::endpoint_update`].
    pub async fn endpoint_check(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        request: &EndpointRequest,
        is_update: bool,
    ) -> Result<()> {
        let _ = (caller, path, request, is_update);
        todo!()
    }

    /// Creates an endpoint with one deployment; replaces one when the request says so.
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
        let _ = (caller, path, request);
        todo!()
    }

    /// Changes an endpoint to what `request` says, if it is still at `expected`.
    ///
    /// # Errors
    /// As [`App::endpoint_create`]; [`wharf_core::Error::NotFound`];
    /// [`wharf_core::Error::Conflict`] when somebody else changed it meanwhile.
    pub async fn endpoint_update(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        expected: Generation,
        request: EndpointRequest,
    ) -> Result<Written<Endpoint>> {
        let _ = (caller, path, name, expected, request);
        todo!()
    }

    /// One endpoint.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn endpoint_get(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Endpoint> {
        let _ = (caller, path, name);
        todo!()
    }

    /// The registered models that the endpoint's deployments use, as far as they are
    /// still registered.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn endpoint_models(&self, endpoint: &Endpoint) -> Result<Vec<Model>> {
        let _ = endpoint;
        todo!()
    }

    /// The endpoints of a workspace, by name.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn endpoint_list(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        query: &EndpointQuery,
        page: &Page,
    ) -> Result<Listed<Endpoint>> {
        let _ = (caller, path, query, page);
        todo!()
    }

    /// Deletes an endpoint; `None` when there is none.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn endpoint_delete(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Option<OperationId>> {
        let _ = (caller, path, name);
        todo!()
    }

    /// The last `tail` lines of the replicas' logs, with what Wharf has to say first:
    /// notices, and why there is none yet.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn endpoint_logs(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        tail: usize,
    ) -> Result<String> {
        let _ = (caller, path, name, tail);
        todo!()
    }

    /// The endpoint's keys.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn endpoint_keys(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<EndpointKeys> {
        let _ = (caller, path, name);
        todo!()
    }

    /// Replaces one key by a random or a chosen one. The operation has ended.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`]; [`wharf_core::Error::Invalid`] for a bad key.
    pub async fn endpoint_regenerate_key(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        kind: KeyKind,
        chosen: Option<Secret>,
    ) -> Result<OperationId> {
        let _ = (caller, path, name, kind, chosen);
        todo!()
    }

    /// The operation that the newest change of the endpoint started.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn endpoint_operation(&self, endpoint: &Endpoint) -> Result<Option<OperationId>> {
        let _ = endpoint;
        todo!()
    }

    /// Where the endpoint is scored, `https://HOST:PORT/api/v1/service/NAME/score`.
    pub fn scoring_uri(&self, endpoint: &Endpoint) -> String {
        let _ = endpoint;
        todo!()
    }
}
