//! A client of a server's APIs, signed in as its administrator.

use std::{fs, net::SocketAddr, time::Duration};

use reqwest::{Certificate, Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::server::Server;

/// Between two looks at something that takes a while.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) struct Api {
    pub(crate) http: Client,
    url: String,
    token: String,
    /// `/subscriptions/…/workspaces/…`.
    workspace: String,
    /// `/subscriptions/…/resourceGroups/…`.
    group: String,
}

impl Api {
    pub(crate) async fn new(server: &Server) -> Self {
        let text = fs::read_to_string(server.data().join("admin.json")).expect("text");
        let admin: Value = serde_json::from_str(&text).expect("JSON");
        let member = |name: &str| admin[name].as_str().expect("text").to_owned();
        // One of several tests in a process is the first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let ca = fs::read(member("caFile")).expect("a CA");
        // The port of the address counts, not the one given here.
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let http = Client::builder()
            .tls_certs_only([Certificate::from_pem(&ca).expect("a CA")])
            .resolve("localhost", here)
            .resolve("wharf.blob.localhost", here)
            .no_proxy()
            .build()
            .expect("a client");
        let url = member("serverUrl");
        let token = http
            .get(format!(
                "{url}/msi/token?api-version=2017-09-01&resource={url}"
            ))
            .header("secret", member("clientSecret"));
        let token = answer(token).await["access_token"].clone();
        let group = format!(
            "/subscriptions/{}/resourceGroups/{}",
            member("subscriptionId"),
            member("resourceGroup")
        );
        let workspace = format!(
            "{group}/providers/Microsoft.MachineLearningServices/workspaces/{}",
            member("workspaceName")
        );
        Self {
            http,
            url,
            token: token.as_str().expect("a token").to_owned(),
            workspace,
            group,
        }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        request.bearer_auth(&self.token)
    }

    /// A path of model management.
    fn services(&self, rest: &str) -> String {
        format!("/modelmanagement/v1.0{}{rest}", self.workspace)
    }

    /// Ties the local cluster to the workspace, and waits.
    pub(crate) async fn attach(&self, name: &str) {
        let path = format!("{}/computes/{name}?api-version=2020-02-02", self.workspace);
        let cluster = format!(
            "{}/providers/Microsoft.ContainerService/managedClusters/local",
            self.group
        );
        let body = json!({"location": "local", "properties": {
            "computeType": "AKS", "resourceId": cluster, "properties": {}
        }});
        answer(with_json(self.ask(Method::PUT, &path), &body)).await;
        loop {
            let compute = answer(self.ask(Method::GET, &path)).await;
            match compute["properties"]["provisioningState"].as_str() {
                Some("Succeeded") => return,
                Some("Creating" | "Updating") => tokio::time::sleep(LOOK).await,
                _ => panic!("{compute:#}"),
            }
        }
    }

    /// Uploads a file as the SDK does; gives its place.
    pub(crate) async fn upload(&self, path: &str, text: &str) -> String {
        let announce = format!(
            "/artifact/v2.0{}/artifacts/batch/metadata/LocalUpload/c1",
            self.workspace
        );
        let body = json!({"paths": [{"path": path}]});
        let announced = answer(with_json(self.ask(Method::POST, &announce), &body)).await;
        let uri = &announced["artifactContentInformation"][path]["contentUri"];
        let put = self.http.put(uri.as_str().expect("an address"));
        let put = put
            .header("x-ms-blob-type", "BlockBlob")
            .body(text.to_owned());
        let put = put.send().await.expect("an answer");
        assert_eq!(put.status(), StatusCode::CREATED);
        let id = announced["artifacts"][path]["artifactId"].as_str();
        format!("aml://artifact/{}", id.expect("an id"))
    }

    /// Registers a model that is one uploaded file.
    pub(crate) async fn register(&self, name: &str, url: &str) {
        let prefix = url.strip_prefix("aml://artifact/").expect("an artifact");
        let body = json!({"name": name, "artifacts": [{"prefix": prefix}]});
        let asset = with_json(self.ask(Method::POST, &self.services("/assets")), &body);
        let asset = answer(asset).await;
        let body = json!({
            "name": name, "mimeType": "application/x-python", "unpack": false,
            "url": format!("aml://asset/{}", asset["id"].as_str().expect("an id")),
        });
        answer(with_json(
            self.ask(Method::POST, &self.services("/models")),
            &body,
        ))
        .await;
    }

    pub(crate) async fn create_service(&self, body: &Value) {
        answer(with_json(
            self.ask(Method::POST, &self.services("/services")),
            body,
        ))
        .await;
    }

    /// The service once it is healthy.
    pub(crate) async fn healthy(&self, name: &str) -> Value {
        let path = self.services(&format!("/services/{name}?expand=true"));
        loop {
            let service = answer(self.ask(Method::GET, &path)).await;
            match service["state"].as_str() {
                Some("Healthy") => return service,
                Some("Transitioning") => tokio::time::sleep(LOOK).await,
                _ => panic!("{service:#}"),
            }
        }
    }

    pub(crate) async fn key(&self, name: &str) -> String {
        let path = self.services(&format!("/services/{name}/listkeys"));
        let keys = answer(self.ask(Method::POST, &path)).await;
        keys["primaryKey"].as_str().expect("a key").to_owned()
    }

    /// Deletes a service, and waits until it is gone.
    pub(crate) async fn delete_service(&self, name: &str) {
        let path = self.services(&format!("/services/{name}"));
        let gone = self.ask(Method::DELETE, &path).send().await;
        assert!(gone.expect("an answer").status().is_success());
        loop {
            let shown = self
                .ask(Method::GET, &path)
                .send()
                .await
                .expect("an answer");
            if shown.status() == StatusCode::NOT_FOUND {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    let request = request.header("content-type", "application/json");
    request.body(body.to_string())
}

/// A good answer's JSON.
async fn answer(request: RequestBuilder) -> Value {
    let answer = request.send().await.expect("an answer");
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await.expect("text");
    assert!(status.is_success(), "{url}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
