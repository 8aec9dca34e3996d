//! Whether everything really answers: asked from outside, as a client would. Then
//! it is said.

use std::{io::Write as _, net::SocketAddr, path::Path, time::Duration};

use reqwest::{Certificate, Client, StatusCode};

use crate::{
    blob_host::{self, Resolved},
    config::from_here,
    error::StartError,
};

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

/// What the person at the shell sees. Whoever waits for the line reads it from
/// standard output; all else is in the log.
pub(crate) fn say(public_url: &str, host: &str, name: &Resolved, data_dir: &Path) {
    let hosts = blob_host::HOSTS;
    let mut text = String::new();
    let blob_host = blob_host::blob_host(host);
    match name {
        Resolved::Yes | Resolved::Neither(_) => {}
        Resolved::Added(line) => {
            tracing::info!(line, "added a line to {hosts}");
            text.push_str(&format!(
                "Added `{line}` to {hosts}: uploads go to `{blob_host}`\n"
            ));
        }
        Resolved::No(advice) => {
            tracing::warn!(
                advice,
                "`{blob_host}` does not resolve: uploads of models will fail"
            );
            text.push_str(&format!(
                "`{blob_host}` does not resolve: uploads of models will fail. This mends it:\n  \
                 {advice}\n"
            ));
        }
    }
    if let Resolved::Neither(advice) = name {
        tracing::warn!(
            advice,
            "`{host}` and `{blob_host}` do not resolve: no client finds this server"
        );
        text.push_str(&format!(
            "`{host}` and `{blob_host}` do not resolve: no client finds this server. This mends \
             it:\n  {advice}\n"
        ));
    }
    let env = env_command(data_dir);
    // The step after this one comes last, where the eye is.
    text.push_str(&format!(
        "Wharf is ready at {public_url}\nIn the shell that runs your scripts: {env}\n"
    ));
    tracing::info!(url = public_url, "ready");
    let mut out = std::io::stdout();
    // A closed standard output is no reason not to serve.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The words after `--data-dir`, or nothing where the usual one is meant.
pub(crate) fn data_dir_words(data_dir: &Path) -> String {
    let usual = std::env::home_dir().map(|home| home.join(".wharf"));
    if usual.is_some_and(|usual| usual == data_dir) {
        return String::new();
    }
    let quoted = data_dir.to_string_lossy().replace('\'', r"'\''");
    format!(" --data-dir '{quoted}'")
}

fn env_command(data_dir: &Path) -> String {
    format!("eval \"$(wharf env{})\"", data_dir_words(data_dir))
}

/// That replicas outlive the server, and what can be done about it.
pub(crate) fn say_stopped(replicas: usize, data_dir: &Path) {
    let words = data_dir_words(data_dir);
    let text = match replicas {
        0 => "Wharf has stopped; no replica is left running\n".to_owned(),
        count => {
            let (noun, verb) = if count == 1 {
                ("replica", "goes")
            } else {
                ("replicas", "go")
            };
            format!(
                "Wharf has stopped; {count} {noun} {verb} on, and the next start takes over what \
                 runs.\nThis ends them: wharf replicas stop{words}\n"
            )
        }
    };
    let mut out = std::io::stdout();
    // A closed standard output is no reason to fail.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
