//! From a checked request to a spec: what it names is looked up, its files are
//! pinned by digest, and whoever will run it is asked whether it can.

use uuid::Uuid;
use wharf_core::{
    Error, Result,
    built_in_script::BuiltInScript,
    capacity,
    compute::Compute,
    deployment::{CodeFile, DeploymentSpec, PinnedFile, PinnedModel, Template},
    endpoint::{Endpoint, EndpointSpec},
    endpoint_request::{CheckedCode, CheckedEndpoint, EndpointRequest},
    environment::{EnvironmentSpec, ModelFramework},
    finding::Finding,
    model::ModelId,
    quote::Quoted,
    resource::{Generation, Observed},
    traffic,
    workspace::Workspace,
};
use wharf_store::Session;

use crate::{
    App, labels,
    models::{MOST_FILES, asset_files},
};

const ENVIRONMENT: &str = "environmentImageRequest.environment";
const MODELS: &str = "environmentImageRequest.modelIds";
const ASSETS: &str = "environmentImageRequest.assets";
/// The variable that names the entry script (the SDK sets it).
const ENTRY_SCRIPT: &str = "AZUREML_ENTRY_SCRIPT";

/// Looks up what a request names; what is not there becomes a finding.
pub(super) struct Pin<'a> {
    pub(super) session: &'a mut Session,
    pub(super) workspace: &'a Workspace,
    pub(super) findings: Vec<Finding>,
}

impl Pin<'_> {
    fn refuse(&mut self, field: &str, message: String) {
        self.findings.push(Finding::new(field, message));
    }

    pub(super) async fn compute(&mut self, name: &str) -> Result<Option<Compute>> {
        let found = self.session.compute_get(&self.workspace.id, name).await?;
        let Some(compute) = found else {
            let there = self
                .session
                .compute_list(&self.workspace.id, None, 20)
                .await?;
            let names: Vec<_> = there.iter().map(|compute| compute.name.as_str()).collect();
            self.refuse(
                "computeName",
                format!(
                    "there is no compute `{name}` in workspace `{}`; {}",
                    self.workspace.name,
                    if names.is_empty() {
                        "create or attach one first".to_owned()
                    } else {
                        format!("there are: {}", names.join(", "))
                    }
                ),
            );
            return Ok(None);
        };
        if compute.spec.removal.is_some() {
            self.refuse("computeName", format!("compute `{name}` is being removed"));
        } else if let Observed::Failed { failure, .. } = &compute.observed {
            let message = format!("compute `{name}` has failed: {}", failure.message);
            self.refuse("computeName", message);
        }
        Ok(Some(compute))
    }

    async fn model(&mut self, id: &ModelId) -> Result<Option<PinnedModel>> {
        let Some(model) = self.session.model_get(&self.workspace.id, id).await? else {
            self.refuse(
                MODELS,
                format!(
                    "there is no model `{id}` in workspace `{}`",
                    self.workspace.name
                ),
            );
            return Ok(None);
        };
        let asset = self
            .session
            .asset_get(&self.workspace.id, &model.spec.asset)
            .await?;
        let Some(asset) = asset else {
            self.refuse(MODELS, format!("the files of model `{id}` are gone"));
            return Ok(None);
        };
        let found = asset_files(self.session, &self.workspace.id, &asset).await?;
        if found.is_empty() || found.len() > MOST_FILES as usize {
            let count = found.len();
            self.refuse(
                MODELS,
                format!("model `{id}` has {count} files; 1 to {MOST_FILES} can be deployed"),
            );
            return Ok(None);
        }
        let files = found.into_iter().filter_map(|(path, artifact)| {
            artifact.content.map(|content| PinnedFile {
                path,
                digest: content.digest,
                size: content.size,
            })
        });
        Ok(Some(PinnedModel {
            id: id.clone(),
            framework: model.spec.framework,
            framework_version: model.spec.framework_version,
            unpack: model.spec.unpack,
            files: files.collect(),
        }))
    }

    async fn code(&mut self, code: &CheckedCode) -> Result<Option<CodeFile>> {
        let found = self
            .session
            .artifact_get(&self.workspace.id, &code.artifact)
            .await?;
        let Some(content) = found.and_then(|artifact| artifact.content) else {
            self.refuse(
                ASSETS,
                format!(
                    "{} ({}) was not uploaded",
                    Quoted(&code.name),
                    Quoted(&format!("aml://artifact/{}", code.artifact))
                ),
            );
            return Ok(None);
        };
        Ok(Some(CodeFile {
            name: code.name.clone(),
            digest: content.digest,
            size: content.size,
            unpack: code.unpack,
        }))
    }

    /// The script of ours that answers for the one model.
    fn built_in(&mut self, model: Option<&PinnedModel>) -> Option<BuiltInScript> {
        let model = model?;
        match BuiltInScript::of_framework(model.framework.as_deref()) {
            Ok(script) => Some(script),
            Err(why) => {
                self.refuse(MODELS, format!("model `{}` {why}", model.id));
                None
            }
        }
    }

    /// What replicas are made from; files that are not there become findings. `None`
    /// where a finding says why.
    pub(super) async fn template(
        &mut self,
        checked: &CheckedEndpoint,
        moved_to: Option<Uuid>,
    ) -> Result<Option<Template>> {
        let mut models = Vec::with_capacity(checked.models.len());
        for id in &checked.models {
            models.extend(self.model(id).await?);
        }
        let mut code = Vec::with_capacity(checked.code.len());
        for file in &checked.code {
            code.extend(self.code(file).await?);
        }
        let built_in = match &checked.environment {
            Some(environment) => {
                self.entry_script(checked, environment);
                None
            }
            None => self.built_in(models.first()),
        };
        let environment = checked.environment.clone().or_else(|| {
            let version = models.first()?.framework_version.as_deref();
            Some(built_in?.environment(version))
        });
        let Some(environment) = environment else {
            return Ok(None);
        };
        let environment = EnvironmentSpec {
            model_frameworks: frameworks(&models),
            ..environment
        };
        Ok(Some(Template {
            models,
            code,
            driver: checked.driver.clone(),
            built_in,
            environment,
            resources: checked.resources,
            concurrency: checked.concurrency,
            scoring_timeout: checked.scoring_timeout,
            namespace: checked.namespace.clone(),
            moved_to,
        }))
    }

    fn entry_script(&mut self, checked: &CheckedEndpoint, environment: &EnvironmentSpec) {
        let variable = format!("{ENVIRONMENT}.environmentVariables.{ENTRY_SCRIPT}");
        match environment.variables.get(ENTRY_SCRIPT) {
            Some(script) => {
                let is_there = checked
                    .code
                    .iter()
                    .any(|code| code.unpack || code.name == *script);
                if let Err(error) = wharf_core::model::check_relative_path(script) {
                    self.refuse(&variable, format!("{} {error}", Quoted(script)));
                } else if !is_there {
                    self.refuse(
                        &variable,
                        format!("{} is not among the assets", Quoted(script)),
                    );
                }
            }
            None if checked.driver.is_none() => self.refuse(
                &variable,
                "is missing; it names the entry script, relative to the application folder"
                    .to_owned(),
            ),
            None => {}
        }
    }
}

/// The generation that a change of `known` makes.
pub(super) fn next_generation(known: Option<&Endpoint>) -> Generation {
    known.map_or(Generation::FIRST, |known| known.generation.next())
}

/// What saved the models, as far as that was registered.
fn frameworks(models: &[PinnedModel]) -> Vec<ModelFramework> {
    let known = models.iter().filter_map(|model| {
        Some(ModelFramework {
            name: model.framework.clone()?,
            version: model.framework_version.clone()?,
        })
    });
    known.collect()
}

/// The endpoint whose properties a request may only add to: none for an overwrite.
pub(super) fn not_overwritten<'a>(
    known: Option<&'a Endpoint>,
    request: &EndpointRequest,
) -> Option<&'a Endpoint> {
    known.filter(|_| !request.overwrite)
}

/// The cluster of `compute`, once the endpoint has left the one where it began.
pub(super) fn moved_to(known: Option<&Endpoint>, compute: &Compute) -> Option<Uuid> {
    let known = known?;
    let mut deployments = known.spec.deployments.iter();
    let has_left = known.spec.compute != compute.id
        || deployments.any(|deployment| deployment.template.moved_to.is_some());
    has_left.then_some(compute.spec.cluster)
}

impl App {
    /// The request, where it has no code with the size that its model was registered
    /// with for what it leaves open.
    pub(super) async fn with_size_of_model(
        &self,
        workspace: &Workspace,
        request: &EndpointRequest,
    ) -> Result<EndpointRequest> {
        let mut request = request.clone();
        let (None, [model]) = (&request.environment, request.models.as_slice()) else {
            return Ok(request);
        };
        let Ok(id) = model.parse() else {
            return Ok(request);
        };
        let mut session = self.store().read().await?;
        let model = session.model_get(&workspace.id, &id).await?;
        let sizes = model.map(|model| model.spec.resources).unwrap_or_default();
        let asked = &mut request.resources;
        asked.cpu = asked.cpu.or(sizes.cpu);
        asked.memory_gb = asked.memory_gb.or(sizes.memory_gb);
        asked.gpu = asked.gpu.or(sizes.gpu);
        Ok(request)
    }

    /// The spec that `request` asks for, with everything it names looked up. The
    /// deployment of `known` keeps its id.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every broken rule.
    pub(super) async fn pin(
        &self,
        workspace: &Workspace,
        request: &EndpointRequest,
        known: Option<&Endpoint>,
    ) -> Result<EndpointSpec> {
        if request.versions.is_some() {
            return self.pin_versions(workspace, request, known).await;
        }
        let mut findings = Vec::new();
        let request = &self.with_size_of_model(workspace, request).await?;
        let Some(checked) = request.check(&mut findings) else {
            return Err(Error::Invalid(findings));
        };
        self.check_environment(checked.environment.as_ref(), &mut findings);
        if let Some(known) = not_overwritten(known, request) {
            labels::check_only_added(
                "properties",
                &known.spec.properties,
                &request.properties,
                &mut findings,
            );
        }
        let mut session = self.store().read().await?;
        let mut pin = Pin {
            session: &mut session,
            workspace,
            findings,
        };
        let compute = pin.compute(checked.compute_name.as_str()).await?;
        self.check_capacity(compute.as_ref(), &checked, &mut pin.findings);
        let moved_to = compute.as_ref().and_then(|it| moved_to(known, it));
        let template = pin.template(&checked, moved_to).await?;
        let mut findings = pin.findings;
        // The connection goes back before files are looked into.
        drop(session);
        let Some(template) = template else {
            return Err(Error::Invalid(findings));
        };
        self.preflight(&template, &mut findings).await?;
        let (Some(compute), true) = (compute, findings.is_empty()) else {
            return Err(Error::Invalid(findings));
        };
        let known_deployment = known.and_then(|known| known.spec.deployments.first());
        Ok(EndpointSpec {
            compute: compute.id,
            compute_name: compute.name,
            authentication: checked.authentication,
            description: request.description.clone(),
            tags: request.tags.clone(),
            properties: request.properties.clone(),
            deployments: vec![DeploymentSpec {
                id: known_deployment.map_or_else(Uuid::new_v4, |deployment| deployment.id),
                name: checked.name,
                weight: traffic::ALL_TRAFFIC,
                template,
                scaling: checked.scaling,
                max_wait: checked.max_wait,
                liveness: checked.liveness,
                asked_at: next_generation(known),
                version: None,
            }],
            is_versioned: false,
            is_absent: false,
            document: request.document.clone(),
        })
    }

    /// Adds what the builder refuses of an environment.
    pub(super) fn check_environment(
        &self,
        environment: Option<&EnvironmentSpec>,
        findings: &mut Vec<Finding>,
    ) {
        if let Some(environment) = environment
            && let Err(refused) = self.inner.environments.check(environment)
        {
            findings.extend(refused.into_iter().map(|finding| {
                Finding::new(format!("{ENVIRONMENT}.{}", finding.field), finding.message)
            }));
        }
    }

    /// Adds why one deployment does not fit its compute, where there is one.
    pub(super) fn check_capacity(
        &self,
        compute: Option<&Compute>,
        deployment: &CheckedEndpoint,
        findings: &mut Vec<Finding>,
    ) {
        let Some(compute) = compute else { return };
        capacity::check(
            compute.name.as_str(),
            &compute.spec,
            &self.inner.catalogue.sizes,
            &deployment.resources,
            deployment.scaling,
            findings,
        );
    }

    /// Adds what the cluster refuses of a template.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be asked.
    pub(super) async fn preflight(
        &self,
        template: &Template,
        findings: &mut Vec<Finding>,
    ) -> Result<()> {
        let preflight = self.inner.backend.preflight(template).await;
        findings.extend(preflight.map_err(|error| Error::Unavailable {
            what: "the cluster",
            inside: error.to_string(),
        })?);
        Ok(())
    }
}
