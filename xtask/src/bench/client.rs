//! A signed-in client that speaks ARM and the data plane, as the SDK does.

use std::{error::Error, fs, time::Duration};

use reqwest::{Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::Value;

use super::server::Server;

pub(super) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The api-version that the SDK sends for computes.
const COMPUTE_VERSION: &str = "api-version=2020-02-02";
/// Between two looks at an operation. The SDK takes five seconds; a measurement
/// must not be coarser than what it measures.
const POLL: Duration = Duration::from_millis(5);
/// Longest wait for an operation.
const PATIENCE: Duration = Duration::from_secs(600);

/// A client of one workspace.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    token: String,
    url: String,
    workspace: String,
}

impl Client {
    /// Signs in as the administrator with client credentials.
    pub(super) async fn sign_in(server: &Server) -> Result<Self> {
        let administrator = &server.administrator;
        let authority: reqwest::Url = server.url.parse()?;
        let port = authority.port_or_known_default().ok_or("no port")?;
        let pem = fs::read(&administrator.ca_file)?;
        let mut http = reqwest::Client::builder()
            .no_proxy()
            // Blob hosts are names below the server's own.
            .resolve("wharf.blob.localhost", ([127, 0, 0, 1], port).into())
            .pool_max_idle_per_host(64);
        for certificate in reqwest::Certificate::from_pem_bundle(&pem)? {
            http = http.add_root_certificate(certificate);
        }
        let http = http.build()?;
        let known: Value = http
            .get(format!(
                "{}/adfs/.well-known/openid-configuration",
                server.url
            ))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let form = form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &administrator.client_id),
            ("client_secret", &administrator.client_secret),
            ("scope", &format!("{}/.default", server.url)),
        ]);
        let token: Value = http
            .post(text(&known, "/token_endpoint")?)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        Ok(Self {
            http,
            token: text(&token, "/access_token")?.to_owned(),
            url: server.url.clone(),
            workspace: format!(
                "/subscriptions/{}/resourceGroups/{}/providers/\
                 Microsoft.MachineLearningServices/workspaces/{}",
                administrator.subscription_id,
                administrator.resource_group,
                administrator.workspace_name
            ),
        })
    }

    /// The workspace's ARM id.
    pub(super) fn workspace(&self) -> &str {
        &self.workspace
    }

    /// The URL of a compute.
    pub(super) fn compute_url(&self, name: &str) -> String {
        format!(
            "{}{}/computes/{name}?{COMPUTE_VERSION}",
            self.url, self.workspace
        )
    }

    /// The address of a part of the data plane, from the discovery document.
    pub(super) async fn discover(&self, part: &str) -> Result<String> {
        let url = format!("{}{}?api-version=2022-05-01", self.url, self.workspace);
        let workspace: Value = self.send(self.request(Method::GET, &url)).await?.json().await?;
        let url = text(&workspace, "/properties/discoveryUrl")?;
        let parts: Value = self.send(self.request(Method::GET, url)).await?.json().await?;
        Ok(text(&parts, &format!("/{part}"))?.to_owned())
    }

    /// A request with the bearer token.
    pub(super) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url).bearer_auth(&self.token)
    }

    /// A request without one, for blobs and scoring.
    pub(super) fn bare_request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends; an answer that is no success is an error with its body.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = response.url().clone();
        let body = response.text().await?;
        Err(format!("{status} from {url}: {body}").into())
    }

    /// Sends a JSON body and gives status, headers and JSON body.
    pub(super) async fn exchange(
        &self,
        method: Method,
        url: &str,
        body: &Value,
    ) -> Result<(StatusCode, HeaderMap, Value)> {
        let response = self.send(self.request(method, url).json(body)).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)?
        };
        Ok((status, headers, body))
    }

    /// Polls `url` until the member `field` says `Succeeded`.
    pub(super) async fn wait(&self, url: &str, field: &str) -> Result<()> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let operation: Value = self.send(self.request(Method::GET, url)).await?.json().await?;
            match operation.get(field).and_then(Value::as_str) {
                Some("Succeeded") => return Ok(()),
                Some("Failed" | "Canceled" | "Cancelled" | "TimedOut") => {
                    return Err(format!("{url}: {operation}").into());
                }
                _ if tokio::time::Instant::now() > end => {
                    return Err(format!("{url} did not end: {operation}").into());
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }
}

/// A header's text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str> {
    let value = headers.get(name).ok_or_else(|| format!("no {name}"))?;
    Ok(value.to_str()?)
}

/// A string inside a document.
pub(super) fn text<'a>(document: &'a Value, pointer: &str) -> Result<&'a str> {
    let found = document.pointer(pointer).and_then(Value::as_str);
    Ok(found.ok_or_else(|| format!("no {pointer} in {document}"))?)
}

fn form(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect::<String>()
    };
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}
