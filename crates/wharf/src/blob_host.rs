//! The host name that files are uploaded to, `wharf.blob.HOST`. Clients make it
//! themselves, so it has to resolve; `*.localhost` often does not.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _, Write as _},
    net::IpAddr,
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

/// Name of the storage account; the blob surface answers to it.
pub(crate) const ACCOUNT: &str = "wharf";

/// The file that names are looked up in before DNS.
pub(crate) const HOSTS: &str = "/etc/hosts";

/// The account's host for a public host.
pub(crate) fn blob_host(public_host: &str) -> String {
    format!("{ACCOUNT}.blob.{public_host}")
}

/// What is known of the name after a look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// It leads where the public host leads.
    Yes,
    /// The line was added to the hosts file.
    Added(String),
    /// Somebody has to do something: what.
    No(String),
    /// As [`Resolved::No`], for the public host too: no client finds this server.
    Neither(String),
}

/// Looks the name up; where it does not resolve and may be mended here, mends it.
pub(crate) async fn ensure(public_host: &str, hosts: &Path, may_edit: bool) -> Resolved {
    let name = blob_host(public_host);
    if is_known(&name).await {
        return Resolved::Yes;
    }
    if !is_known(public_host).await {
        return Resolved::Neither(format!(
            "add `{public_host}` and `{name}` to your DNS, with the addresses of this machine; for \
             clients on this machine alone: echo '127.0.0.1 {public_host} {name}' | sudo tee -a {}",
            hosts.display()
        ));
    }
    let Some(address) = loopback(public_host).await else {
        return Resolved::No(format!(
            "add `{name}` to your DNS, with the addresses of `{public_host}`"
        ));
    };
    let line = format!("{address} {name}");
    let mend = format!("echo '{line}' | sudo tee -a {}", hosts.display());
    if !may_edit {
        return Resolved::No(mend);
    }
    match append(hosts, &line) {
        Ok(()) if is_known(&name).await => Resolved::Added(line),
        Ok(()) => {
            // The system may not read this file, or hold an old answer.
            Resolved::No(format!(
                "`{line}` is in {} and has no effect: look at the `hosts` line of \
                 /etc/nsswitch.conf",
                hosts.display()
            ))
        }
        Err(error) => {
            tracing::debug!(%error, "the hosts file cannot be changed");
            Resolved::No(mend)
        }
    }
}

pub(crate) async fn is_known(name: &str) -> bool {
    !addresses(name).await.is_empty()
}

/// A loopback address of the host, if it leads nowhere else.
pub(crate) async fn loopback(host: &str) -> Option<IpAddr> {
    let found = addresses(host).await;
    if !found.iter().all(IpAddr::is_loopback) {
        return None;
    }
    // IPv4 first: it is what a server listens on by default.
    found.first().copied()
}

async fn addresses(name: &str) -> BTreeSet<IpAddr> {
    let found = tokio::net::lookup_host((name, 0)).await;
    found.map_or_else(
        |_| BTreeSet::new(),
        |found| found.map(|address| address.ip()).collect(),
    )
}

/// Adds one line in one write, under a lock, unless it is there.
pub(crate) fn append(hosts: &Path, line: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().read(true).append(true).open(hosts)?;
    flock(&file, FlockOperation::LockExclusive)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    if text.lines().any(|there| there.starts_with(line)) {
        return Ok(());
    }
    let begin = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    // A rename would be safer against a power cut, but containers mount this
    // file, and then it cannot be replaced.
    file.write_all(format!("{begin}{line} # wharf\n").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_once_and_never_glued_to_another() -> io::Result<()> {
        let scratch = tempfile::tempdir()?;
        let hosts = scratch.path().join("hosts");
        fs::write(&hosts, "127.0.0.1 localhost")?;
        for _ in 0..2 {
            append(&hosts, "127.0.0.1 wharf.blob.localhost")?;
        }
        assert_eq!(
            fs::read_to_string(&hosts)?,
            "127.0.0.1 localhost\n127.0.0.1 wharf.blob.localhost # wharf\n"
        );
        Ok(())
    }

    #[tokio::test]
    async fn what_may_not_be_edited_is_left_alone() -> io::Result<()> {
        let scratch = tempfile::tempdir()?;
        let hosts = scratch.path().join("hosts");
        fs::write(&hosts, "127.0.0.1 localhost\n")?;
        // Made of characters that no resolver has an answer for.
        let host = "no-such-name.invalid";
        let resolved = ensure(host, &hosts, false).await;
        let Resolved::Neither(advice) = resolved else {
            panic!("{resolved:?}");
        };
        assert!(
            advice.contains("127.0.0.1 no-such-name.invalid wharf.blob.no-such-name.invalid"),
            "{advice}"
        );
        assert_eq!(fs::read_to_string(&hosts)?, "127.0.0.1 localhost\n");
        Ok(())
    }
}
