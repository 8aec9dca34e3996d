//! The server's APIs over HTTPS, signed in.

use std::{path::Path, time::Duration};

use reqwest::{Certificate, Method, Response, StatusCode, Url, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use wharf_core::Secret;
use wharf_wire::arm::{errors::ErrorEnvelope, sign_in::IdentityToken};

use crate::{error::CliError, session::Session};

/// Longest time for one request.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest time to reach the server.
const CONNECT: Duration = Duration::from_secs(10);
/// Largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 << 20;
/// Version of the token endpoint that takes a secret in a header.
const TOKEN_VERSION: &str = "2017-09-01";
/// Version of the API of managed clusters; the server takes any.
const API_VERSION: &str = "2024-09-01";
/// Names the request in the server's log.
const REQUEST_ID: &str = "x-ms-request-id";

/// A client of one server.
pub(crate) struct Client {
    http: reqwest::Client,
    server_url: String,
    token: Secret,
}

impl Client {
    /// Signs in.
    pub(crate) async fn sign_in(session: &Session) -> Result<Self, CliError> {
        let http = http_client(session.ca_file.as_deref())?;
        let resource = &session.server_url;
        let query = [
            ("resource", resource.as_str()),
            ("api-version", TOKEN_VERSION),
        ];
        let url = url(&session.token_url, &query)?;
        let request = http.get(url).header("secret", session.secret.reveal());
        let answer = send(request, resource).await?;
        let answer: IdentityToken = parse(answer, &session.token_url)?;
        Ok(Self {
            http,
            server_url: resource.clone(),
            token: Secret::new(answer.access_token),
        })
    }

    /// Reads a resource by its path, which begins with `/`.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, CliError> {
        self.request(Method::GET, path, None).await
    }

    /// Reads a list with more in its query.
    pub(crate) async fn get_with(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Value, CliError> {
        let mut pairs = vec![("api-version", API_VERSION)];
        pairs.extend(query.iter().map(|(name, value)| (*name, value.as_str())));
        let url = url(&format!("{}{path}", self.server_url), &pairs)?;
        let request = self.http.get(url).bearer_auth(self.token.reveal());
        send(request, &self.server_url).await
    }

    /// Writes a resource.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        self.request(Method::PUT, path, Some(body)).await
    }

    /// Asks anything; an answer without a body is `null`.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CliError> {
        let url = url(
            &format!("{}{path}", self.server_url),
            &[("api-version", API_VERSION)],
        )?;
        let mut request = self
            .http
            .request(method, url)
            .bearer_auth(self.token.reveal());
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        send(request, &self.server_url).await
    }
}

/// A client that trusts one file of CAs, or the system's.
pub(crate) fn http_client(ca_file: Option<&Path>) -> Result<reqwest::Client, CliError> {
    let mut builder = reqwest::Client::builder()
        .timeout(PATIENCE)
        .connect_timeout(CONNECT)
        .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")));
    if let Some(path) = ca_file {
        let pem = std::fs::read(path).map_err(|error| CliError::file("read", path, &error))?;
        let certificates = Certificate::from_pem_bundle(&pem)
            .map_err(|error| CliError::file("use", path, &error))?;
        builder = builder.tls_certs_only(certificates);
    }
    builder
        .build()
        .map_err(|error| CliError::failed(format!("cannot use the network: {}", causes(&error))))
}

/// Reads an answer in the shape that the server and this program share.
pub(crate) fn parse<T: DeserializeOwned>(answer: Value, from: &str) -> Result<T, CliError> {
    serde_json::from_value(answer).map_err(|error| {
        CliError::failed(format!(
            "the answer of {from} is another than expected: {error}"
        ))
    })
}

fn url(base: &str, query: &[(&str, &str)]) -> Result<Url, CliError> {
    Url::parse_with_params(base, query)
        .map_err(|error| CliError::failed(format!("`{base}` is no URL: {error}")))
}

async fn send(request: reqwest::RequestBuilder, server: &str) -> Result<Value, CliError> {
    let response = request.send().await.map_err(|error| {
        CliError::failed(format!("cannot reach {server}: {}", causes(&error)))
            .with_hint("`wharf doctor` says what is in the way")
    })?;
    let status = response.status();
    let request_id = response.headers().get(REQUEST_ID);
    let request_id = request_id
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    let text = read(response, server).await?;
    if status.is_success() && text.is_empty() {
        return Ok(Value::Null);
    }
    if status.is_success() {
        return serde_json::from_slice(&text).map_err(|error| {
            CliError::failed(format!("the answer of {server} is no JSON: {error}"))
        });
    }
    Err(refusal(status, &text, request_id.as_deref()))
}

async fn read(mut response: Response, server: &str) -> Result<Vec<u8>, CliError> {
    let mut text = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| {
            CliError::failed(format!(
                "the answer of {server} broke off: {}",
                causes(&error)
            ))
        })?;
        let Some(chunk) = chunk else {
            return Ok(text);
        };
        if text.len() + chunk.len() > LARGEST_ANSWER {
            return Err(CliError::failed(format!(
                "the answer of {server} has more than {LARGEST_ANSWER} bytes"
            )));
        }
        text.extend_from_slice(&chunk);
    }
}

/// What the server refused, in its own words, every broken rule on a line.
fn refusal(status: StatusCode, text: &[u8], request_id: Option<&str>) -> CliError {
    let mut message = match serde_json::from_slice::<ErrorEnvelope>(text) {
        Ok(ErrorEnvelope { error }) if error.details.is_empty() => error.message,
        Ok(ErrorEnvelope { error }) => {
            let details = error.details.iter().map(|detail| {
                if detail.target.is_empty() {
                    format!("\n  {}", detail.message)
                } else {
                    format!("\n  {}: {}", detail.target, detail.message)
                }
            });
            format!("the server refused this:{}", details.collect::<String>())
        }
        Err(_) => format!("the server answered with status {status}"),
    };
    if let Some(id) = request_id {
        message.push_str(&format!("\n  request id {id}"));
    }
    match status {
        StatusCode::NOT_FOUND => CliError::not_found(message),
        StatusCode::UNAUTHORIZED => CliError::failed(message)
            .with_hint("the server's secret may have changed: run `eval \"$(wharf env)\"` again"),
        _ => CliError::failed(message),
    }
}

/// An error with its causes: reqwest keeps what matters at the end.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_rule_has_a_line() {
        let text = br#"{"error": {"code": "InvalidInput", "message": "two", "details": [
            {"code": "InvalidField", "target": "name", "message": "is too short"},
            {"code": "InvalidField", "message": "is odd"}]}}"#;
        let error = refusal(StatusCode::BAD_REQUEST, text, Some("7"));
        assert_eq!(
            error.to_string(),
            "the server refused this:\n  name: is too short\n  is odd\n  request id 7"
        );
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn what_is_not_there_has_an_exit_code_of_its_own() {
        let text = br#"{"error": {"code": "ResourceNotFound", "message": "no `a`"}}"#;
        let error = refusal(StatusCode::NOT_FOUND, text, None);
        assert_eq!(
            (error.exit_code(), error.to_string()),
            (3, "no `a`".to_owned())
        );
        let error = refusal(StatusCode::BAD_GATEWAY, b"<html>", None);
        assert_eq!(
            error.to_string(),
            "the server answered with status 502 Bad Gateway"
        );
    }
}
