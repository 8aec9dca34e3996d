//! The usual state of a workspace, made through the use cases.

use std::collections::BTreeMap;

use uuid::Uuid;
use wharf_core::{
    compute::{Compute, ComputeRequest},
    endpoint::Endpoint,
    endpoint_request::{CodeRequest, EndpointRequest, VersionRequest},
    environment::EnvironmentSpec,
    model::{Artifact, ArtifactPath, AssetArtifact, Model},
    operation::OperationState,
    workspace::{Workspace, WorkspacePath},
};
use wharf_store::StoreError;

use super::TestApp;
use crate::{Written, blobs::BlobHeaders, models::ModelRequest, sas::Permission};

/// The entry script that [`TestApp::deploy`] uploads.
const SCRIPT: &str = "def init():\n    pass\n\ndef run(data):\n    return data\n";
/// Where it is uploaded to.
const SCRIPT_ARTIFACT: &str = "LocalUpload/code/score.py";

/// A request for an endpoint with one replica, the script that
/// [`TestApp::upload_script`] uploads, and `models` (`name:version`).
pub fn endpoint_request(name: &str, compute: &str, models: &[&str]) -> EndpointRequest {
    EndpointRequest {
        name: name.to_owned(),
        compute_name: Some(compute.to_owned()),
        replicas: Some(1),
        models: models.iter().map(|&model| model.to_owned()).collect(),
        code: vec![CodeRequest {
            name: "score.py".to_owned(),
            artifact: SCRIPT_ARTIFACT.to_owned(),
            unpack: false,
        }],
        environment: Some(EnvironmentSpec {
            name: "test".to_owned(),
            variables: BTreeMap::from([("AZUREML_ENTRY_SCRIPT".into(), "score.py".into())]),
            ..EnvironmentSpec::default()
        }),
        ..EndpointRequest::default()
    }
}

/// A version that runs `model`, as [`endpoint_request`] does.
pub fn version(name: &str, model: &str, share: Option<f64>) -> VersionRequest {
    VersionRequest {
        deployment: EndpointRequest {
            compute_name: None,
            ..endpoint_request(name, "", &[model])
        },
        share,
        ..VersionRequest::default()
    }
}

/// The version that gets the traffic that no other asks for.
#[must_use]
pub fn default(version: VersionRequest) -> VersionRequest {
    VersionRequest {
        is_default: true,
        ..version
    }
}

/// A request for an endpoint with these versions.
pub fn versions_request(
    name: &str,
    compute: &str,
    versions: Vec<VersionRequest>,
) -> EndpointRequest {
    EndpointRequest {
        name: name.to_owned(),
        compute_name: Some(compute.to_owned()),
        versions: Some(versions),
        ..EndpointRequest::default()
    }
}

impl TestApp {
    /// ARM id of the managed cluster `local`, ready to be attached.
    pub fn local_cluster_id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ContainerService/\
             managedClusters/local",
            self.path.subscription, self.path.group
        )
    }

    /// Makes `local` a cluster of another Kubernetes version, as an old one is.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn set_local_version(&self, text: &str) {
        let (subscription, group) = (&self.path.subscription, &self.path.group);
        let found = self
            .app
            .managed_cluster_get(&self.caller, subscription, group, "local")
            .await;
        let mut cluster = found.expect("the local cluster");
        text.clone_into(&mut cluster.spec.kubernetes_version);
        let generation = cluster.generation.next();
        self.store()
            .write::<_, StoreError, _>(move |txn| {
                Box::pin(async move {
                    txn.managed_cluster_update_spec(
                        &cluster.id,
                        generation,
                        &cluster.spec,
                        cluster.modified_at,
                    )
                    .await
                })
            })
            .await
            .expect("it is written");
    }

    /// Another workspace in the same resource group.
    ///
    /// # Panics
    /// When the name is taken or bad.
    pub async fn add_workspace(&self, name: &str) -> WorkspacePath {
        let first = self.app.workspace_get(&self.caller, &self.path).await;
        let workspace = Workspace {
            id: Uuid::new_v4(),
            name: name.parse().expect("a workspace's name"),
            ..first.expect("the first workspace")
        };
        self.store()
            .write::<_, StoreError, _>(move |txn| {
                Box::pin(async move { txn.workspace_insert(&workspace).await })
            })
            .await
            .expect("the workspace is made");
        WorkspacePath {
            workspace: name.to_owned(),
            ..self.path.clone()
        }
    }

    /// A compute made by `request`, as it is when its operation has succeeded.
    ///
    /// # Panics
    /// When it is refused or does not come up.
    pub async fn put_compute(&self, name: &str, request: ComputeRequest) -> Compute {
        self.start_reconcilers();
        let written = self
            .app
            .compute_put(&self.caller, &self.path, name, request)
            .await
            .expect("the compute is accepted");
        let operation = self.ended(written.operation).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{name}");
        let found = self.app.compute_get(&self.caller, &self.path, name).await;
        found.expect("the compute is there").1
    }

    /// The compute `name`, attached to the cluster `local`.
    ///
    /// # Panics
    /// As [`TestApp::put_compute`].
    pub async fn attach_compute(&self, name: &str) -> Compute {
        let request = ComputeRequest {
            resource_id: Some(self.local_cluster_id()),
            ..ComputeRequest::default()
        };
        self.put_compute(name, request).await
    }

    /// The compute `name` with a cluster of its own, as default settings make it.
    ///
    /// # Panics
    /// As [`TestApp::put_compute`].
    pub async fn create_compute(&self, name: &str) -> Compute {
        self.put_compute(name, ComputeRequest::default()).await
    }

    /// Uploads `bytes` to `artifact` (`ORIGIN/CONTAINER/PATH`) as a client does:
    /// announced, signed, written.
    ///
    /// # Panics
    /// When a step is refused.
    pub async fn upload(&self, artifact: &str, bytes: &[u8]) -> Artifact {
        let place: ArtifactPath = artifact.parse().expect("an artifact's path");
        let places = std::slice::from_ref(&place);
        let (workspace, _) = self
            .app
            .artifact_reserve(&self.caller, &self.path, places)
            .await
            .expect("the upload is announced");
        let grant = self
            .app
            .sas_grant(workspace.id, place.clone(), Permission::Write);
        let mut upload = self.app.blob_upload(&grant).await.expect("upload");
        upload.write(bytes).await.expect("the bytes are taken");
        self.app
            .blob_commit(&grant, upload, BlobHeaders::default())
            .await
            .expect("the blob is stored");
        let found = self
            .app
            .artifact_get(&self.caller, &self.path, &place)
            .await;
        found.expect("the artifact is there").1
    }

    /// Uploads the entry script that [`endpoint_request`] names.
    ///
    /// # Panics
    /// As [`TestApp::upload`].
    pub async fn upload_script(&self) -> Artifact {
        self.upload(SCRIPT_ARTIFACT, SCRIPT.as_bytes()).await
    }

    /// The next version of the model `name`, with one uploaded file.
    ///
    /// # Panics
    /// When a step is refused.
    pub async fn register_model(&self, name: &str) -> Model {
        let file = format!("LocalUpload/{name}/model.pkl");
        self.upload(&file, name.as_bytes()).await;
        let artifacts = vec![AssetArtifact::Prefix(file)];
        let asset = self
            .app
            .asset_create(&self.caller, &self.path, name, artifacts)
            .await
            .expect("the asset is made");
        let request = ModelRequest {
            name: name.to_owned(),
            url: format!("aml://asset/{}", asset.id),
            ..ModelRequest::default()
        };
        let registered = self
            .app
            .model_register(&self.caller, &self.path, request)
            .await;
        registered.expect("the model is registered")
    }

    /// Asks for an endpoint; does not wait.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create_endpoint(&self, request: EndpointRequest) -> Written<Endpoint> {
        let written = self
            .app
            .endpoint_create(&self.caller, &self.path, request)
            .await;
        written.expect("the endpoint is accepted")
    }

    /// The endpoint `name` on the compute `compute`, with the model `NAME-model:1`
    /// and a script, as it is when it is healthy.
    ///
    /// # Panics
    /// When a step is refused or it does not come up.
    pub async fn deploy(&self, name: &str, compute: &str) -> Endpoint {
        self.start_reconcilers();
        self.upload_script().await;
        let model = self.register_model(&format!("{name}-model")).await;
        let request = endpoint_request(name, compute, &[&model.id.to_string()]);
        let written = self.create_endpoint(request).await;
        let operation = self.ended(written.operation).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{name}");
        self.endpoint(name).await
    }

    /// An endpoint as it is now.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn endpoint(&self, name: &str) -> Endpoint {
        let found = self.app.endpoint_get(&self.caller, &self.path, name).await;
        found.expect("the endpoint is there")
    }
}
