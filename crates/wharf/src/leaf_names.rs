//! Names that computes have below the suffix of leaf labels. On a machine of its own
//! nobody resolves them, so they are added to the hosts file, as the name for uploads
//! is ([`crate::blob_host`]).

use std::{collections::HashSet, path::Path, sync::Arc};

use tokio::sync::watch;
use wharf_core::{route::RouteTable, tls::HostName};

use crate::blob_host::{append, is_known, loopback};

/// Most lines of Wharf's in the hosts file: it is read from its beginning for each
/// look-up of each program.
const MOST_LINES: usize = 200;

/// Looks at each new name of the table until that ends.
pub(crate) async fn follow(
    mut routes: watch::Receiver<Arc<RouteTable>>,
    suffix: HostName,
    public_host: String,
    hosts: &Path,
    may_edit: bool,
) {
    let mut seen = HashSet::new();
    loop {
        let certificates = Arc::clone(&routes.borrow_and_update().certificates);
        seen.retain(|name| certificates.contains_key(name));
        for name in certificates.keys() {
            if is_below(name, &suffix) && seen.insert(name.clone()) {
                ensure(name, &public_host, hosts, may_edit).await;
            }
        }
        if routes.changed().await.is_err() {
            return;
        }
    }
}

fn is_below(name: &HostName, suffix: &HostName) -> bool {
    let before = name.as_str().strip_suffix(suffix.as_str());
    before.is_some_and(|before| before.ends_with('.'))
}

async fn ensure(name: &HostName, public_host: &str, hosts: &Path, may_edit: bool) {
    if is_known(name.as_str()).await {
        return;
    }
    let Some(address) = loopback(public_host).await else {
        tracing::warn!(
            %name, "`{name}` does not resolve: add it to your DNS, with the addresses of \
             `{public_host}`"
        );
        return;
    };
    let line = format!("{address} {name}");
    let is_added = may_edit && has_room(hosts) && append(hosts, &line).is_ok();
    if is_added {
        tracing::info!(%name, "added `{line}` to {}", hosts.display());
    } else {
        tracing::warn!(
            %name, "`{name}` does not resolve: echo '{line}' | sudo tee -a {}", hosts.display()
        );
    }
}

fn has_room(hosts: &Path) -> bool {
    std::fs::read_to_string(hosts).is_ok_and(|text| {
        let ours = text.lines().filter(|line| line.ends_with("# wharf"));
        ours.count() < MOST_LINES
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use wharf_core::{Secret, tls::CertificatePair};

    use super::*;

    fn table(names: &[&str]) -> Arc<RouteTable> {
        let pair = Arc::new(CertificatePair {
            certificate: String::new(),
            key: Secret::new(""),
        });
        let entry = |name: &&str| (name.parse().expect("a name"), Arc::clone(&pair));
        let certificates: HashMap<_, _> = names.iter().map(entry).collect();
        Arc::new(RouteTable {
            certificates: Arc::new(certificates),
            ..RouteTable::default()
        })
    }

    /// What the hosts file holds once every name was looked at.
    async fn after(text: String, may_edit: bool) -> String {
        let scratch = tempfile::tempdir().expect("a folder");
        let hosts = scratch.path().join("hosts");
        std::fs::write(&hosts, text).expect("written");
        let name = "a.no-such-place.localhost";
        let (sender, receiver) = watch::channel(table(&[name, "own.invalid"]));
        drop(sender);
        let suffix = "no-such-place.localhost".parse().expect("a name");
        let following = follow(receiver, suffix, "localhost".to_owned(), &hosts, may_edit);
        tokio::time::timeout(Duration::from_secs(60), following)
            .await
            .expect("it ends with the table");
        std::fs::read_to_string(&hosts).expect("read")
    }

    #[tokio::test]
    async fn a_name_is_added_once_where_that_is_allowed_and_there_is_room() {
        // Where the system resolves all of `localhost` there is nothing to add.
        let wants = !is_known("a.no-such-place.localhost").await;
        let added = after(String::new(), true).await;
        assert_eq!(added.contains(" a.no-such-place.localhost # wharf"), wants);
        assert!(!added.contains("own.invalid"));
        assert_eq!(after(String::new(), false).await, "");
        let full = "127.0.0.1 x # wharf\n".repeat(MOST_LINES);
        assert_eq!(after(full.clone(), true).await, full);
    }
}
