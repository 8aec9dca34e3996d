//! Names, trust, the server and the clock.

use std::time::Duration;

use reqwest::{StatusCode, Url, header};
use wharf_core::clock::{Clock as _, SystemClock};

use super::{Finding, Report};
use crate::{
    client::{Client, causes, http_client},
    environment::METADATA_PATH,
    session::Session,
};

/// Tokens live an hour; clients refuse ones that are not yet or no longer good.
const CLOCK_SKEW: Duration = Duration::from_secs(300);
/// What every account's host begins with on this server.
const BLOB_PREFIX: &str = "wharf.blob.";

/// Looks at the way to the server.
pub(crate) async fn check(session: &Session, report: &mut Report) {
    let Some((host, port)) = host_and_port(&session.server_url) else {
        report.add(Finding::fail(
            "server",
            format!("`{}` is no address of a server", session.server_url),
        ));
        return;
    };
    let resolves = name(&host, &host, report).await;
    name(&format!("{BLOB_PREFIX}{host}"), &host, report).await;
    proxy(&host, report);
    if !resolves {
        return;
    }
    if let Err(error) = tokio::net::TcpStream::connect((host.as_str(), port)).await {
        report.add(
            Finding::fail(
                "server",
                format!("nothing answers at {host}:{port}: {error}"),
            )
            .with_advice("wharf server"),
        );
        return;
    }
    server(session, report).await;
}

/// Whether a name resolves.
async fn name(name: &str, host: &str, report: &mut Report) -> bool {
    let found = tokio::net::lookup_host((name, 0)).await;
    let addresses: Vec<_> = found
        .map(|found| found.map(|address| address.ip().to_string()).collect())
        .unwrap_or_default();
    if !addresses.is_empty() {
        report.add(Finding::ok(
            "name",
            format!("`{name}` is {}", addresses.join(", ")),
        ));
        return true;
    }
    let is_here = host == "localhost" || host.ends_with(".localhost");
    let advice = if is_here {
        format!("echo '127.0.0.1 {name}' | sudo tee -a /etc/hosts")
    } else {
        format!("add `{name}` to your DNS, with the addresses of the machine that runs the server")
    };
    let text = if name == host {
        format!("`{name}` does not resolve")
    } else {
        format!("`{name}` does not resolve: uploads of models will fail")
    };
    report.add(Finding::fail("name", text).with_advice(advice));
    false
}

/// Proxies that would get what is meant for the server.
fn proxy(host: &str, report: &mut Report) {
    let read = |name: &str| {
        let value = std::env::var(name.to_ascii_lowercase());
        value.or_else(|_| std::env::var(name)).unwrap_or_default()
    };
    if read("HTTPS_PROXY").is_empty() {
        return;
    }
    let exceptions = read("NO_PROXY");
    let is_exempt = exceptions.split(',').map(str::trim).any(|entry| {
        let entry = entry.trim_start_matches("*.").trim_start_matches('.');
        entry == "*"
            || (!entry.is_empty() && (host == entry || host.ends_with(&format!(".{entry}"))))
    });
    if !is_exempt {
        report.add(
            Finding::note(
                "proxy",
                format!("HTTPS_PROXY is set, and NO_PROXY leaves out `{host}`"),
            )
            .with_advice(format!("export NO_PROXY=\"$NO_PROXY,{host}\"")),
        );
    }
}

/// Trust, answer, clock, sign-in.
async fn server(session: &Session, report: &mut Report) {
    let http = match http_client(session.ca_file.as_deref()) {
        Ok(http) => http,
        Err(error) => {
            report.add(
                Finding::fail("trust", error.to_string())
                    .with_advice("start the server once more: it writes the file anew"),
            );
            return;
        }
    };
    let url = format!("{}{METADATA_PATH}", session.server_url);
    let answer = match http.get(&url).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let text = causes(&error);
            let is_trust = text.to_ascii_lowercase().contains("certificate");
            let subject = if is_trust { "trust" } else { "server" };
            let finding = Finding::fail(subject, format!("{url}: {text}"));
            report.add(if is_trust {
                finding.with_advice(
                    "the server is not the one whose CA is trusted here: run `eval \"$(wharf \
                     env)\"` again, with the `--data-dir` of the server that you mean",
                )
            } else {
                finding.with_advice("look at the log of `wharf server`")
            });
            return;
        }
    };
    if answer.status() != StatusCode::OK {
        report.add(
            Finding::fail(
                "server",
                format!("{url} answers with status {}", answer.status()),
            )
            .with_advice("is it Wharf that listens there?"),
        );
        return;
    }
    report.add(Finding::ok(
        "server",
        format!("{} answers, and is trusted", session.server_url),
    ));
    let date = answer.headers().get(header::DATE);
    if let Some(date) = date.and_then(|date| date.to_str().ok()) {
        clock(date, report);
    }
    report.add(match Client::sign_in(session).await {
        Ok(_) => Finding::ok("sign-in", "the secret is good"),
        Err(error) => Finding::fail("sign-in", error.to_string())
            .with_advice(error.hint().unwrap_or("look at the log of `wharf server`")),
    });
}

fn clock(date: &str, report: &mut Report) {
    let Ok(there) = jiff::fmt::rfc2822::parse(date) else {
        return;
    };
    let here = SystemClock.now();
    let skew = here.duration_since(there.timestamp()).unsigned_abs();
    report.add(if skew > CLOCK_SKEW {
        Finding::fail(
            "clock",
            format!("this machine and the server are {} s apart", skew.as_secs()),
        )
        .with_advice("set the clocks: tokens are good for an hour")
    } else {
        Finding::ok("clock", "this machine and the server agree")
    });
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_with_another_clock_is_told() {
        let mut report = Report::default();
        clock("Tue, 15 Nov 1994 08:12:31 GMT", &mut report);
        assert_eq!(report.exit_code(), 1);
        assert!(report.to_string().contains("s apart"), "{report}");
    }

    #[tokio::test]
    async fn a_name_for_uploads_that_does_not_resolve_is_mended_in_one_line() {
        let mut report = Report::default();
        assert!(
            !name(
                "wharf.blob.no-such-name.invalid",
                "no-such-name.invalid",
                &mut report
            )
            .await
        );
        let text = report.to_string();
        assert!(text.contains("uploads of models will fail"), "{text}");
        assert!(text.contains("to your DNS"), "{text}");
    }
}
