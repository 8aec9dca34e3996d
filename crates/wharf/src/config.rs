//! What `wharf server` can be told: flags, and a variable of the environment for
//! each. A flag wins over its variable.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum, builder::FalseyValueParser};
use wharf_cli::HomeArgs;
use wharf_core::tls::HostName;

use crate::{error::StartError, guard::GuardArgs};

/// Longest lifetime of tokens, in seconds: a day.
pub(crate) const LONGEST_TOKEN_LIFETIME: u64 = 86_400;
/// Longest host name of a certificate and of DNS, in bytes.
const LONGEST_HOST: usize = 253;

const EXAMPLES: &str = "\
Examples:
  wharf server
      https://localhost:8443, state in ~/.wharf
  wharf server --data-dir /var/lib/wharf --public-host ml.example.com --listen 0.0.0.0:443
      for other machines; `ml.example.com` and `wharf.blob.ml.example.com` lead to this one
  wharf server --data-dir \"$(mktemp -d)\" --listen 127.0.0.1:0
      a throw-away server on free ports

Then, in the shell that runs your scripts:
  eval \"$(wharf env)\"";

/// Run Wharf: the control plane, and the local cluster with its router.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,

    /// Where the control plane listens; port 0 takes a free one and keeps it for
    /// later starts
    #[arg(
        long,
        env = "WHARF_LISTEN",
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:8443"
    )]
    pub(crate) listen: SocketAddr,

    /// Where scoring requests come in; by default the same address and the next
    /// port, or a free one when the port of `--listen` is 0
    #[arg(long, env = "WHARF_SCORING_LISTEN", value_name = "ADDR:PORT")]
    pub(crate) scoring_listen: Option<SocketAddr>,

    /// Name that clients use for this machine; goes into certificates, addresses
    /// and scoring URIs
    #[arg(
        long,
        env = "WHARF_PUBLIC_HOST",
        value_name = "NAME",
        default_value = "localhost"
    )]
    pub(crate) public_host: String,

    /// What names of leaf domain labels end in: a label `iris` becomes
    /// `irisXXXXXX.LOCATION.SUFFIX` [default: the public host]
    #[arg(long, env = "WHARF_LEAF_DOMAIN_SUFFIX", value_name = "NAME")]
    pub(crate) leaf_domain_suffix: Option<String>,

    /// Leave /etc/hosts alone, also when the name for uploads or that of a leaf
    /// domain label does not resolve
    #[arg(long, env = "WHARF_NO_HOSTS_ENTRY", value_parser = FalseyValueParser::new())]
    pub(crate) no_hosts_entry: bool,

    /// How long tokens are good, in seconds
    #[arg(
        long,
        env = "WHARF_TOKEN_LIFETIME",
        value_name = "SECONDS",
        default_value = "3600",
        value_parser = clap::value_parser!(u64).range(60..=LONGEST_TOKEN_LIFETIME)
    )]
    pub(crate) token_lifetime: u64,

    /// Largest file that can be uploaded, in MiB
    #[arg(
        long,
        env = "WHARF_LARGEST_UPLOAD",
        value_name = "MIB",
        default_value = "102400",
        value_parser = clap::value_parser!(u64).range(1..=10_485_760)
    )]
    pub(crate) largest_upload: u64,

    /// Largest body of a scoring request, in MiB
    #[arg(
        long,
        env = "WHARF_LARGEST_SCORING_BODY",
        value_name = "MIB",
        default_value = "100",
        value_parser = clap::value_parser!(u64).range(1..=100)
    )]
    pub(crate) largest_scoring_body: u64,

    /// Connections to the scoring listener at once
    #[arg(
        long,
        env = "WHARF_SCORING_CONNECTIONS",
        value_name = "NUMBER",
        default_value = "10000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) scoring_connections: u32,

    /// Refuse a deployment whose Python is not installed here, instead of taking
    /// the nearest version with a warning
    #[arg(long, env = "WHARF_STRICT_PYTHON", value_parser = FalseyValueParser::new())]
    pub(crate) strict_python: bool,

    /// Install packages that have no wheel too; building one runs its author's
    /// code as the user of this server
    #[arg(long, env = "WHARF_ALLOW_SOURCE_BUILDS", value_parser = FalseyValueParser::new())]
    pub(crate) allow_source_builds: bool,

    /// The `uv` program that builds environments [default: the one on the PATH, or
    /// one that is installed when it is needed]
    #[arg(long, env = "WHARF_UV", value_name = "PROGRAM")]
    pub(crate) uv: Option<PathBuf>,

    /// The Python for deployments that manage their packages themselves; without it
    /// they are refused
    #[arg(long, env = "WHARF_HOST_PYTHON", value_name = "PROGRAM")]
    pub(crate) host_python: Option<PathBuf>,

    /// Room that the making of an environment leaves on the disk, in MiB: below it
    /// none is begun, and one under way is stopped, so that what else is on the disk
    /// can still be written
    #[arg(
        long,
        env = "WHARF_KEEP_FREE",
        value_name = "MIB",
        default_value = "1024",
        value_parser = clap::value_parser!(u64).range(0..=10_485_760)
    )]
    pub(crate) keep_free: u64,

    /// Sizes of nodes, instead of those that are built in: a JSON file as `az vm
    /// list-sizes` prints it
    #[arg(long, env = "WHARF_VM_SIZES", value_name = "FILE")]
    pub(crate) vm_sizes: Option<PathBuf>,

    /// Kubernetes versions, instead of those that are built in: a JSON file as `az
    /// aks get-versions` prints it
    #[arg(long, env = "WHARF_KUBERNETES_VERSIONS", value_name = "FILE")]
    pub(crate) kubernetes_versions: Option<PathBuf>,

    /// How long running requests may take when the server is stopped, in seconds;
    /// what then still runs, uploads and answers in streams too, is cut. A server
    /// with nothing to do stops at once, and a second signal does not wait.
    /// The default is the default scoring timeout and 5 seconds; a service manager
    /// has to wait longer than this before it kills the server
    #[arg(
        long,
        env = "WHARF_DRAIN",
        value_name = "SECONDS",
        default_value = "65",
        value_parser = clap::value_parser!(u64).range(0..=3_600)
    )]
    pub(crate) drain: u64,

    #[command(flatten)]
    pub(crate) guard: GuardArgs,

    /// What is logged: a level, or levels by part such as `info,wharf_router=debug`
    #[arg(long, env = "WHARF_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,

    /// How log lines look; they go to standard error
    #[arg(
        long,
        env = "WHARF_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One object a line, for machines
    Json,
}

impl ServerArgs {
    /// The scoring listener's address. It has a port of its own, so that neither
    /// side can take the other's connections.
    pub(crate) fn scoring_listen(&self) -> Result<SocketAddr, StartError> {
        let option = "--scoring-listen";
        let address = match self.scoring_listen {
            Some(address) => address,
            None => {
                let port = match self.listen.port() {
                    0 => 0,
                    port => port.checked_add(1).ok_or(StartError::Setting {
                        option,
                        why: "there is no port after 65535; give an address".to_owned(),
                    })?,
                };
                SocketAddr::new(self.listen.ip(), port)
            }
        };
        if address.port() != 0 && address == self.listen {
            return Err(StartError::Setting {
                option,
                why: format!("{address} is where the control plane listens; take another port"),
            });
        }
        Ok(address)
    }

    /// The public host, as it goes into URLs and certificates.
    pub(crate) fn public_host(&self) -> Result<String, StartError> {
        let refuse = |why: &str| StartError::Setting {
            option: "--public-host",
            why: format!("`{}` {why}", self.public_host),
        };
        let host = self.public_host.to_ascii_lowercase();
        if host.parse::<IpAddr>().is_ok() {
            return Err(refuse(
                "is an address; a name is needed, since uploads go to `wharf.blob.NAME`",
            ));
        }
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if host.len() > LONGEST_HOST - "wharf.blob.".len() || !host.split('.').all(is_label) {
            return Err(refuse(
                "is no host name: letters, digits and hyphens between dots, such as \
                 `ml.example.com`",
            ));
        }
        Ok(host)
    }

    /// What names of leaf domain labels end in.
    pub(crate) fn leaf_suffix(&self) -> Result<HostName, StartError> {
        let suffix = self.leaf_domain_suffix.as_ref();
        let suffix = suffix.unwrap_or(&self.public_host);
        suffix.parse().map_err(|error| StartError::Setting {
            option: "--leaf-domain-suffix",
            why: format!("`{suffix}` {error}"),
        })
    }

    pub(crate) fn router_limits(&self) -> wharf_router::Limits {
        wharf_router::Limits {
            body_bytes: self.largest_scoring_body << 20,
            connections: usize::try_from(self.scoring_connections).unwrap_or(usize::MAX),
            drain: self.drain(),
            ..wharf_router::Limits::default()
        }
    }

    pub(crate) fn api_limits(&self) -> wharf_api::Limits {
        wharf_api::Limits {
            drain: self.drain(),
            ..wharf_api::Limits::default()
        }
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain)
    }
}

/// The address to reach a listener from this machine.
pub(crate) fn from_here(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let here = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(here, address.port())
}

/// `https://HOST:PORT`, the port left out where it is the usual one.
pub(crate) fn url(host: &str, port: u16) -> String {
    match port {
        443 => format!("https://{host}"),
        port => format!("https://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        server: ServerArgs,
    }

    fn parse(args: &[&str]) -> ServerArgs {
        let words = std::iter::once("server").chain(args.iter().copied());
        Line::try_parse_from(words).expect("parsed").server
    }

    #[test]
    fn the_scoring_port_follows_the_other_one() {
        for (args, expected) in [
            (vec![], "127.0.0.1:8444"),
            (vec!["--listen", "0.0.0.0:443"], "0.0.0.0:444"),
            (vec!["--listen", "[::1]:0"], "[::1]:0"),
            (vec!["--scoring-listen", "10.0.0.1:9"], "10.0.0.1:9"),
        ] {
            let address = parse(&args).scoring_listen().expect("an address");
            assert_eq!(address.to_string(), expected, "{args:?}");
        }
        for args in [
            vec!["--listen", "127.0.0.1:65535"],
            vec!["--scoring-listen", "127.0.0.1:8443"],
        ] {
            let error = parse(&args).scoring_listen().expect_err("refused");
            assert!(error.to_string().starts_with("--scoring-listen"), "{error}");
        }
    }

    #[test]
    fn a_public_host_is_a_name() {
        for good in ["localhost", "ml.example.com", "ML-1.example.com"] {
            let host = parse(&["--public-host", good]).public_host().expect(good);
            assert_eq!(host, good.to_ascii_lowercase());
        }
        let long = "a.".repeat(125) + "com";
        for bad in [
            "",
            "10.0.0.1",
            "::1",
            "a b",
            "-a",
            "a..b",
            "https://a",
            "a:1",
            &long,
        ] {
            let error = parse(&[&format!("--public-host={bad}")]).public_host();
            let error = error.expect_err(bad).to_string();
            assert!(error.starts_with("--public-host: "), "{error}");
        }
    }

    #[test]
    fn the_usual_port_is_left_out() {
        assert_eq!(url("a", 443), "https://a");
        assert_eq!(url("a", 8443), "https://a:8443");
    }
}
