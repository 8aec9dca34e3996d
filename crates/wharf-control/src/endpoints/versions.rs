//! From a request for an endpoint with versions to a spec: each version is pinned as
//! the one deployment of a service is, and one that did not change keeps what it was.

use jiff::Timestamp;
use uuid::Uuid;
use wharf_core::{
    Error, Result, capacity,
    deployment::{DeploymentSpec, Template},
    endpoint::{Endpoint, EndpointSpec},
    endpoint_request::{CheckedVersion, EndpointRequest, VersionRequest, version_place},
    finding::Finding,
    version::Version,
    workspace::Workspace,
};

use super::pin::{Pin, moved_to, next_generation, not_overwritten};
use crate::{App, labels};

/// The version of that name as it is now.
fn known_version<'a>(known: Option<&'a Endpoint>, name: &str) -> Option<&'a DeploymentSpec> {
    let mut deployments = known?.spec.deployments.iter();
    deployments.find(|deployment| deployment.name.as_str() == name)
}

/// Names the version in what was found of it.
fn of_version(name: &str, found: Vec<Finding>) -> impl Iterator<Item = Finding> {
    let place = move |field: &str| version_place(name, field);
    found
        .into_iter()
        .map(move |it| Finding::new(place(&it.field), it.message))
}

impl App {
    /// [`App::pin`] for a request with versions. A version keeps its id by its name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every broken rule.
    pub(super) async fn pin_versions(
        &self,
        workspace: &Workspace,
        request: &EndpointRequest,
        known: Option<&Endpoint>,
    ) -> Result<EndpointSpec> {
        let mut findings = Vec::new();
        let mut request = request.clone();
        for version in request.versions.iter_mut().flatten() {
            let sized = self.with_size_of_model(workspace, &version.deployment);
            version.deployment = sized.await?;
        }
        let (Some(asked), Some(checked)) =
            (&request.versions, request.check_versions(&mut findings))
        else {
            return Err(Error::Invalid(findings));
        };
        if let Some(known) = not_overwritten(known, &request) {
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
        let mut findings = std::mem::take(&mut pin.findings);
        let moved_to = compute.as_ref().and_then(|it| moved_to(known, it));
        let mut templates = Vec::with_capacity(asked.len());
        for (asked, version) in asked.iter().zip(&checked.versions) {
            let name = version.deployment.name.as_str();
            self.check_capacity(compute.as_ref(), &version.deployment, &mut pin.findings);
            let before = known_version(not_overwritten(known, &request), name);
            if let Some(before) = before.and_then(|it| it.version.as_ref()) {
                labels::check_only_added(
                    "properties",
                    &before.properties,
                    &asked.deployment.properties,
                    &mut pin.findings,
                );
            }
            let template = pin.template(&version.deployment, moved_to).await?;
            findings.extend(of_version(name, std::mem::take(&mut pin.findings)));
            templates.extend(template);
        }
        // The connection goes back before files are looked into.
        drop(session);
        if templates.len() < asked.len() {
            return Err(Error::Invalid(findings));
        }
        for (version, template) in checked.versions.iter().zip(&templates) {
            let mut found = Vec::new();
            self.check_environment(version.deployment.environment.as_ref(), &mut found);
            self.preflight(template, &mut found).await?;
            findings.extend(of_version(version.deployment.name.as_str(), found));
        }
        if let (Some(compute), true) = (&compute, findings.is_empty()) {
            let all: Vec<_> = checked
                .versions
                .iter()
                .map(|it| (it.deployment.resources, it.deployment.scaling))
                .collect();
            let (name, spec) = (compute.name.as_str(), &compute.spec);
            let sizes = &self.inner.catalogue.sizes;
            capacity::check_together(name, spec, sizes, &all, "versions", &mut findings);
        }
        let (Some(compute), true) = (compute, findings.is_empty()) else {
            return Err(Error::Invalid(findings));
        };
        let now = self.now();
        let versions = asked.iter().zip(checked.versions).zip(templates);
        Ok(EndpointSpec {
            compute: compute.id,
            compute_name: compute.name,
            authentication: checked.authentication,
            description: request.description.clone(),
            tags: request.tags.clone(),
            properties: request.properties.clone(),
            deployments: versions
                .map(|((asked, checked), template)| {
                    deployment(asked, checked, template, known, now)
                })
                .collect(),
            is_versioned: true,
            is_absent: false,
            document: request.document.clone(),
        })
    }
}

/// The deployment of a version; as it was where nothing of it but its share of the
/// traffic differs and nobody speaks of it.
fn deployment(
    asked: &VersionRequest,
    checked: CheckedVersion,
    template: Template,
    known: Option<&Endpoint>,
    now: Timestamp,
) -> DeploymentSpec {
    let before = known_version(known, checked.deployment.name.as_str());
    let was = before.and_then(|it| it.version.as_ref());
    let deployment = &asked.deployment;
    let mut version = Version {
        share: checked.share,
        is_default: checked.is_default,
        role: checked.role,
        description: deployment.description.clone(),
        tags: deployment.tags.clone(),
        properties: deployment.properties.clone(),
        document: deployment.document.clone(),
        created_at: was.map_or(now, |was| was.created_at),
        modified_at: was.map_or(now, |was| was.modified_at),
    };
    if was.is_some_and(|was| *was != version) {
        version.modified_at = now;
    }
    let mut deployment = DeploymentSpec {
        id: before.map_or_else(Uuid::new_v4, |before| before.id),
        name: checked.deployment.name,
        weight: checked.weight,
        template,
        scaling: checked.deployment.scaling,
        max_wait: checked.deployment.max_wait,
        liveness: checked.deployment.liveness,
        asked_at: before.map_or_else(|| next_generation(known), |before| before.asked_at),
        version: Some(version),
    };
    let runs_as_before = before.is_some_and(|before| {
        let ignored = DeploymentSpec {
            weight: before.weight,
            version: before.version.clone(),
            ..deployment.clone()
        };
        ignored == *before
    });
    if asked.is_touched || !runs_as_before {
        deployment.asked_at = next_generation(known);
        if let Some(version) = &mut deployment.version {
            version.modified_at = now;
        }
    }
    deployment
}
