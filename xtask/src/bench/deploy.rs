//! What it takes to get a script served: uploads, a service, its first answer.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, Result, header, text};

/// A script that needs no package and does next to nothing.
const SCRIPT: &str = "def init():\n    pass\n\n\ndef run(data):\n    return data\n";
/// Minor versions that an interpreter is asked for; the nearest one is taken.
const PYTHON: &str = "python=3.11";

/// Addresses of the data plane and the uploaded script.
pub(super) struct Deployer {
    client: Client,
    services: String,
    artifact: String,
}

impl Deployer {
    /// Uploads the script.
    pub(super) async fn prepare(client: &Client) -> Result<Self> {
        let history = client.discover("history").await?;
        let services = client.discover("modelmanagement").await?;
        let url = format!(
            "{history}/artifact/v2.0{}/artifacts/batch/metadata/LocalUpload/bench",
            client.workspace()
        );
        let body = json!({"paths": [{"path": "score.py"}]});
        let (_, _, reserved) = client.exchange(Method::POST, &url, &body).await?;
        let place = text(&reserved, "/artifactContentInformation/score.py/contentUri")?;
        let upload = client
            .bare_request(Method::PUT, place)
            .header("x-ms-blob-type", "BlockBlob")
            .header("x-ms-version", "2021-08-06")
            .body(SCRIPT);
        client.send(upload).await?;
        Ok(Self {
            client: client.clone(),
            services: format!("{services}/modelmanagement/v1.0{}", client.workspace()),
            artifact: text(&reserved, "/artifacts/score.py/artifactId")?.to_owned(),
        })
    }

    /// Deploys under `name` and waits until the service is healthy.
    pub(super) async fn deploy(&self, name: &str, compute: &str) -> Result<()> {
        let (_, headers, _) = self
            .client
            .exchange(
                Method::POST,
                &format!("{}/services", self.services),
                &self.body(name, compute),
            )
            .await?;
        let operation = header(&headers, "operation-location")?;
        let id = operation.rsplit('/').next().unwrap_or_default();
        let url = format!("{}/operations/{id}", self.services);
        self.client.wait(&url, "state").await
    }

    /// Scores once, as a check that the service is what it says.
    pub(super) async fn score(&self, name: &str) -> Result<()> {
        let url = format!("{}/services/{name}?expand=true", self.services);
        let request = self.client.request(Method::GET, &url);
        let service: Value = self.client.send(request).await?.json().await?;
        let url = format!("{}/services/{name}/listkeys", self.services);
        let (_, _, keys) = self.client.exchange(Method::POST, &url, &Value::Null).await?;
        let request = self
            .client
            .bare_request(Method::POST, text(&service, "/scoringUri")?)
            .bearer_auth(text(&keys, "/primaryKey")?)
            .body("\"x\"");
        let answer = self.client.send(request).await?.text().await?;
        // The script gives back its input, which the contract encodes once more.
        if answer != "\"\\\"x\\\"\"" {
            return Err(format!("an odd answer of the service: {answer}").into());
        }
        Ok(())
    }

    fn body(&self, name: &str, compute: &str) -> Value {
        json!({
            "name": name,
            "computeType": "AKS",
            "computeName": compute,
            "numReplicas": 1,
            "authEnabled": true,
            "environmentImageRequest": {
                "modelIds": [],
                "assets": [{
                    "id": "score.py",
                    "mimeType": "application/x-python",
                    "url": format!("aml://artifact/{}", self.artifact),
                }],
                "environment": {
                    "name": "bench",
                    "environmentVariables": {"AZUREML_ENTRY_SCRIPT": "score.py"},
                    "python": {
                        "userManagedDependencies": false,
                        "interpreterPath": "python",
                        "condaDependencies": {"dependencies": [PYTHON]},
                    },
                    "docker": {"enabled": true},
                },
            },
        })
    }
}
