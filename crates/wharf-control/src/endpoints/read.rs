//! Use cases that read endpoints.

use wharf_core::{
    Error, Kind, Result,
    backend::BackendError,
    deployment::{DeploymentSpec, DeploymentStatus},
    endpoint::Endpoint,
    model::{Model, ModelId},
    name::EndpointName,
    operation::OperationId,
    route::Route,
    workspace::{Caller, WorkspacePath},
};
use wharf_store::endpoint_terms::{Term, TermKind};

use super::EndpointQuery;
use crate::{App, Listed, Page, places::find_workspace, routes::workspace_of};

/// Endpoints that a refusal names.
const SHOWN_ENDPOINTS: u32 = 5;
/// Most lines of an answer with logs.
const MOST_LOG_LINES: usize = 100_000;

impl EndpointQuery {
    /// What the store is asked for, the rarest first as far as that can be guessed;
    /// `None` when there can be no such endpoint.
    fn terms(&self) -> Option<Vec<Term>> {
        let mut terms = Vec::new();
        if let Some(id) = &self.model_id {
            let id: ModelId = id.parse().ok()?;
            terms.push(Term {
                kind: TermKind::Model,
                name: id.name.to_string(),
                value: Some(id.version.to_string()),
            });
        }
        terms.extend(self.model_name.iter().map(|name| Term {
            kind: TermKind::Model,
            name: name.clone(),
            value: None,
        }));
        for (kind, labels) in [
            (TermKind::Tag, &self.tags),
            (TermKind::Property, &self.properties),
        ] {
            terms.extend(labels.iter().map(|(name, value)| Term {
                kind,
                name: name.clone(),
                value: value.clone(),
            }));
        }
        Some(terms)
    }
}

impl App {
    /// One endpoint.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`].
    pub async fn endpoint_get(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Endpoint> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        session
            .endpoint_get(&workspace.id, name)
            .await?
            .ok_or_else(|| Error::not_found(Kind::Endpoint, name))
    }

    /// The endpoint that a client means which has an object of that name: the endpoint
    /// itself or, where none has the name, the one with a version of that name, and
    /// that version. The SDK makes each version a service that asks for its logs, keys
    /// and tokens under its own name.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`]; [`wharf_core::Error::Conflict`] when several
    /// endpoints have such a version.
    pub async fn endpoint_meant(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<(Endpoint, Option<EndpointName>)> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?.id;
        if let Some(endpoint) = session.endpoint_get(&workspace, name).await? {
            return Ok((endpoint, None));
        }
        let version = Term {
            kind: TermKind::Version,
            name: name.to_owned(),
            value: None,
        };
        let found = session
            .endpoint_find(&workspace, &[version], None, SHOWN_ENDPOINTS + 1)
            .await?;
        let mut names: Vec<_> = found.iter().map(|it| format!("`{}`", it.name)).collect();
        if names.len() > SHOWN_ENDPOINTS as usize {
            names.truncate(SHOWN_ENDPOINTS as usize);
            names.push("and others".to_owned());
        }
        match (<[Endpoint; 1]>::try_from(found), name.parse()) {
            (Ok([endpoint]), Ok(version)) => Ok((endpoint, Some(version))),
            _ if names.is_empty() => Err(Error::not_found(Kind::Endpoint, name)),
            _ => {
                let names = names.join(", ");
                let why = format!(
                    "is a version of several endpoints ({names}) and no service of its own; \
                     ask the endpoint"
                );
                Err(Error::conflict(Kind::Endpoint, name, why))
            }
        }
    }

    /// The registered models that each endpoint's deployments use, as far as they
    /// are still registered; in the order of `endpoints`.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn endpoint_models(&self, endpoints: &[Endpoint]) -> Result<Vec<Vec<Model>>> {
        let mut session = self.store().read().await?;
        let mut all = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let mut models = Vec::new();
            for deployment in &endpoint.spec.deployments {
                for model in &deployment.template.models {
                    models.extend(session.model_get(&endpoint.workspace, &model.id).await?);
                }
            }
            all.push(models);
        }
        Ok(all)
    }

    /// The endpoints of a workspace, by name.
    ///
    /// # Errors
    /// [`wharf_core::Error::NotFound`] for the workspace.
    pub async fn endpoint_list(
        &self,
        _caller: &Caller,
        path: &WorkspacePath,
        query: &EndpointQuery,
        page: &Page,
    ) -> Result<Listed<Endpoint>> {
        let mut session = self.store().read().await?;
        let workspace = find_workspace(&mut session, path).await?;
        let (wanted, after) = (page.look_ahead(), page.after.as_deref());
        let Some(terms) = query.terms() else {
            return Ok(page.listed(Vec::new(), |endpoint: &Endpoint| endpoint.name.to_string()));
        };
        let is_kind = |it: &Endpoint| {
            query
                .is_versioned
                .is_none_or(|is| is == it.spec.is_versioned)
        };
        let mut after = after.map(str::to_owned);
        let mut found: Vec<Endpoint> = Vec::new();
        loop {
            let batch = session
                .endpoint_find(&workspace.id, &terms, after.as_deref(), wanted)
                .await?;
            let is_last = batch.len() < wanted as usize;
            after = batch.last().map(|endpoint| endpoint.name.to_string());
            found.extend(batch.into_iter().filter(is_kind));
            if is_last || found.len() >= wanted as usize {
                break;
            }
        }
        Ok(page.listed(found, |endpoint| endpoint.name.to_string()))
    }

    /// The last `tail` lines of the replicas' logs, where there are versions of each
    /// under a heading, or of the one that `name` means; while there are none, the log
    /// of the operation that makes them.
    ///
    /// # Errors
    /// As [`App::endpoint_meant`].
    pub async fn endpoint_logs(
        &self,
        caller: &Caller,
        path: &WorkspacePath,
        name: &str,
        tail: usize,
    ) -> Result<String> {
        let (endpoint, version) = self.endpoint_meant(caller, path, name).await?;
        let tail = tail.clamp(1, MOST_LOG_LINES);
        let is_meant = |it: &&DeploymentSpec| version.as_ref().is_none_or(|name| *name == it.name);
        let deployments: Vec<_> = endpoint.spec.deployments.iter().filter(is_meant).collect();
        let has_headings = endpoint.spec.is_versioned && version.is_none();
        // Several versions share the lines that were asked for.
        let each = tail / deployments.len().max(1);
        let mut logs = String::new();
        for deployment in deployments {
            let status = endpoint.status.deployments.get(&deployment.id);
            let text = self.deployment_log(deployment, status, each.max(1)).await;
            if has_headings && !text.is_empty() {
                logs.push_str(&format!("==> version {} <==\n", deployment.name));
            }
            logs.push_str(&text);
            if has_headings && !text.is_empty() && !text.ends_with('\n') {
                logs.push('\n');
            }
        }
        if !logs.is_empty() {
            return Ok(logs);
        }
        let Some(operation) = self.endpoint_operation(&endpoint).await? else {
            return Ok(String::new());
        };
        let logs = self.inner.logs.clone();
        let lines = tokio::task::spawn_blocking(move || logs.read(operation, 0, MOST_LOG_LINES))
            .await
            .map_err(Error::internal)??;
        let skip = lines.len().saturating_sub(tail);
        Ok(lines
            .into_iter()
            .skip(skip)
            .map(|(_, line)| line + "\n")
            .collect())
    }

    /// The last lines of a deployment's replicas: of the newest revision, or where it
    /// has none of what serves.
    async fn deployment_log(
        &self,
        deployment: &DeploymentSpec,
        status: Option<&DeploymentStatus>,
        tail: usize,
    ) -> String {
        let serving = status.and_then(|status| status.serving.as_ref());
        let serving = serving.map(|target| target.workload.clone());
        for key in [deployment.workload()].into_iter().chain(serving) {
            match self.inner.backend.logs(&key, tail).await {
                Ok(text) if !text.is_empty() => return text,
                Ok(_) | Err(BackendError::Refused { .. } | BackendError::Owned(_)) => {}
                Err(BackendError::Unavailable(inside)) => {
                    tracing::debug!(%inside, workload = %key, "no log of a replica yet");
                }
            }
        }
        String::new()
    }

    /// The operation that the newest change of the endpoint started.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn endpoint_operation(&self, endpoint: &Endpoint) -> Result<Option<OperationId>> {
        let mut session = self.store().read().await?;
        Ok(session
            .operation_at(&endpoint.id, endpoint.generation)
            .await?)
    }

    /// Where the endpoint is scored, `https://HOST:PORT/api/v1/service/NAME/score`; in
    /// another workspace than the first with its id before it. The host is the name of
    /// its compute, once that is served.
    pub fn scoring_uri(&self, endpoint: &Endpoint) -> String {
        let first = self.inner.administrator.first_workspace;
        let workspace = workspace_of(endpoint, first);
        let path = Route::scoring_path(workspace, endpoint.name.as_str());
        match self.inner.routes.host(&endpoint.spec.compute) {
            None => format!("{}{path}", self.inner.scoring_url),
            Some(host) => match self.inner.scoring_port {
                443 => format!("https://{host}{path}"),
                port => format!("https://{host}:{port}{path}"),
            },
        }
    }
}
