//! Whether everything really answers: asked from outside, as a client would.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Certificate, Client, StatusCode};

use crate::{config::from_here, error::StartError};

/// How long a listener that is served may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks both listeners, over TLS, by the names that clients use.
pub(crate) async fn check(
    ca_pem: &str,
    host: &str,
    control: SocketAddr,
    scoring: SocketAddr,
) -> Result<(), StartError> {
    for (address, path) in [(scoring, "/"), (control, "/metadata/endpoints")] {
        let url = format!("https://{host}:{}{path}", address.port());
        let failed = |why: String| {
            StartError::Part(format!(
                "the server started and does not answer at {url}: {why}"
            ))
        };
        // By address, so that a name which does not resolve here does no harm.
        let client = Certificate::from_pem(ca_pem.as_bytes())
            .and_then(|ca| {
                Client::builder()
                    .tls_certs_only([ca])
                    .resolve(host, from_here(address))
                    .no_proxy()
                    .timeout(PATIENCE)
                    .build()
            })
            .map_err(|error| failed(chain(&error)))?;
        let answer = client.get(&url).send().await;
        let answer = answer.map_err(|error| failed(chain(&error)))?;
        if answer.status() != StatusCode::OK {
            return Err(failed(format!("status {}", answer.status())));
        }
    }
    Ok(())
}

/// An error with its causes: reqwest keeps what matters at the end.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
