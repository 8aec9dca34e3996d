//! What of the server's own environment its children get. Nothing else, since the
//! rest may hold secrets.

use std::ffi::OsString;

/// For replicas: where programs and temporary files are, and what makes an
/// interpreter run that lies outside the usual folders.
const REPLICAS: [&str; 4] = ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "TZ"];

/// For builders of environments, beside [`REPLICAS`]: how to reach a package index
/// from here, and where `pyenv` keeps its interpreters.
const BUILDERS: [&str; 13] = [
    "HOME",
    "PYENV_ROOT",
    "LANG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "XDG_CONFIG_HOME",
    "NETRC",
];

/// Begin the names of settings of pip and uv, the package index above all.
const BUILDER_PREFIXES: [&str; 2] = ["PIP_", "UV_"];

/// The whole environment of a replica.
pub(crate) fn to_replicas() -> Vec<(String, String)> {
    chosen(std::env::vars_os(), |name| REPLICAS.contains(&name))
}

/// The whole environment of what builds environments.
pub(crate) fn to_builders() -> Vec<(String, String)> {
    chosen(std::env::vars_os(), is_for_builders)
}

fn is_for_builders(name: &str) -> bool {
    REPLICAS.contains(&name)
        // Those of proxies are written in both cases.
        || BUILDERS.contains(&name.to_ascii_uppercase().as_str())
        || BUILDER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn chosen(
    all: impl Iterator<Item = (OsString, OsString)>,
    is_chosen: impl Fn(&str) -> bool,
) -> Vec<(String, String)> {
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| is_chosen(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays_here() {
        let all = [
            ("PATH", "/bin"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("MSI_SECRET", "s"),
        ];
        let all = all.map(|(name, value)| (name.into(), value.into()));
        let passed = chosen(all.into_iter(), |name| REPLICAS.contains(&name));
        assert_eq!(passed, [("PATH".to_owned(), "/bin".to_owned())]);
    }

    #[test]
    fn builders_learn_where_interpreters_and_packages_are() {
        for name in ["PATH", "HOME", "PYENV_ROOT", "https_proxy", "UV_INDEX_URL"] {
            assert!(is_for_builders(name), "{name}");
        }
        assert!(!is_for_builders("MSI_SECRET"));
    }
}
