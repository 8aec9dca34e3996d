//! Kubeconfigs, read strictly: they are written by strangers, and what most
//! clients accept in them runs programs or reads files of the machine they are
//! read on.
//!
//! Only one context is looked at: its cluster and its user. They must bring
//! everything inline. What is kept is written anew from the few values that are
//! known, so nothing else of the file goes any further.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{finding::Finding, quote::Quoted, secret::Secret};

/// Most bytes of a kubeconfig.
pub const LARGEST: usize = 1024 * 1024;
/// Most bytes of a token or of a name.
const LONGEST_TEXT: usize = 64 * 1024;
/// Most members of a cluster or a user that are looked at.
const MOST_MEMBERS: usize = 1_000;
/// Members of a cluster that are read, or that change nothing.
const CLUSTER_MEMBERS: [&str; 5] = [
    "server",
    "certificate-authority-data",
    "tls-server-name",
    "disable-compression",
    "extensions",
];
/// Members of a user that are read, or that change nothing.
const USER_MEMBERS: [&str; 4] = [
    "client-certificate-data",
    "client-key-data",
    "token",
    "extensions",
];
/// Members that other clients accept, and why they are refused here.
const REFUSED: [(&str, &str); 15] = [
    ("certificate-authority", FILE),
    ("client-certificate", FILE),
    ("client-key", FILE),
    ("tokenFile", FILE),
    ("exec", PROGRAM),
    ("auth-provider", PROGRAM),
    ("proxy-url", "would send the credentials through a proxy"),
    (
        "insecure-skip-tls-verify",
        "would send the credentials to whoever answers; give `certificate-authority-data`",
    ),
    ("username", PASSWORD),
    ("password", PASSWORD),
    ("as", IMPERSONATION),
    ("as-uid", IMPERSONATION),
    ("as-groups", IMPERSONATION),
    ("as-user-extra", IMPERSONATION),
    ("impersonate", IMPERSONATION),
];
const FILE: &str = "names a file, which would be read on the server; give its content in the \
                    member that ends in `-data` (`kubectl config view --raw --flatten` does)";
const PROGRAM: &str = "would run a program on the server; give a token or a client certificate, \
                       for example of a service account";
const PASSWORD: &str = "passwords are not accepted by Kubernetes since 1.19; give a token or a \
                        client certificate";
const IMPERSONATION: &str = "acting as somebody else is not supported; give that one's own token \
                             or client certificate";

/// How to sign in to a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A bearer token.
    Token(Secret),
    /// A client certificate, PEM in base64, and its key.
    Certificate {
        /// The certificate.
        certificate: String,
        /// Its key.
        key: Secret,
    },
}

/// One cluster, and one user of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    /// The context that was taken.
    pub context: String,
    /// Address of the API server.
    pub server: String,
    /// Name that the server's certificate must have, if not that of the address.
    pub tls_server_name: Option<String>,
    /// The CA that signed it, PEM in base64; the public ones when there is none.
    pub certificate_authority: Option<String>,
    /// How to sign in.
    pub credentials: Credentials,
}

impl Kubeconfig {
    /// Reads one context: the one that is named, or the file's current one.
    ///
    /// # Errors
    /// Everything that is wrong with it; fields are paths inside the file, and no
    /// message repeats a secret.
    pub fn parse(text: &str, context: Option<&str>) -> Result<Self, Vec<Finding>> {
        let whole = |message: String| vec![Finding::new("kubeconfig", message)];
        if text.len() > LARGEST {
            return Err(whole(format!("has more than {LARGEST} bytes")));
        }
        // The parser's messages may repeat the text, and with it a secret.
        let document = serde_saphyr::from_str::<Value>(text)
            .map_err(|_| whole("is no YAML document with plain values".to_owned()))?;
        let Value::Object(document) = document else {
            return Err(whole(
                "must be a mapping, with `clusters` and `users`".to_owned(),
            ));
        };
        if document.get("kind").is_some_and(|kind| kind != "Config") {
            return Err(whole("`kind` must be `Config`".to_owned()));
        }
        let mut findings = Vec::new();
        let name = context.or_else(|| text_of(&document, "current-context"));
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err(vec![Finding::new(
                "current-context",
                "is not set; say which context is meant",
            )]);
        };
        let Some(context) = named(&document, "contexts", "context", name) else {
            return Err(vec![Finding::new(
                "contexts",
                format!(
                    "there is no context {}; there are: {}",
                    Quoted(name),
                    names(&document)
                ),
            )]);
        };
        let mut part = |list: &str, member: &'static str| {
            let found = text_of(context, member)
                .and_then(|it| Some((it.to_owned(), named(&document, list, member, it)?)));
            if found.is_none() {
                let field = format!("contexts[{name}].context.{member}");
                findings.push(Finding::new(field, format!("names nothing in `{list}`")));
            }
            found
        };
        let (cluster, user) = (part("clusters", "cluster"), part("users", "user"));
        let (Some((cluster_name, cluster)), Some((user_name, user))) = (cluster, user) else {
            return Err(findings);
        };
        let mut cluster = Part {
            path: format!("clusters[{cluster_name}].cluster"),
            members: cluster,
            findings: &mut findings,
        };
        cluster.refuse_all_but(&CLUSTER_MEMBERS);
        let server = cluster.server();
        let tls_server_name = cluster.text("tls-server-name");
        let certificate_authority =
            cluster.pem("certificate-authority-data", "-----BEGIN CERTIFICATE-----");
        let mut user = Part {
            path: format!("users[{user_name}].user"),
            members: user,
            findings: &mut findings,
        };
        user.refuse_all_but(&USER_MEMBERS);
        let credentials = user.credentials();
        match (server, credentials) {
            (Some(server), Some(credentials)) if findings.is_empty() => Ok(Self {
                context: name.to_owned(),
                server,
                tls_server_name,
                certificate_authority,
                credentials,
            }),
            _ => Err(findings),
        }
    }

    /// The file anew, with one context and nothing that was not understood. JSON is
    /// YAML too.
    pub fn to_text(&self) -> Secret {
        let mut cluster = json!({ "server": self.server });
        if let Some(name) = &self.tls_server_name {
            cluster["tls-server-name"] = json!(name);
        }
        if let Some(pem) = &self.certificate_authority {
            cluster["certificate-authority-data"] = json!(pem);
        }
        let user = match &self.credentials {
            Credentials::Token(token) => json!({ "token": token.reveal() }),
            Credentials::Certificate { certificate, key } => json!({
                "client-certificate-data": certificate,
                "client-key-data": key.reveal(),
            }),
        };
        let name = &self.context;
        let document = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
            "clusters": [{ "name": name, "cluster": cluster }],
            "users": [{ "name": name, "user": user }],
        });
        Secret::new(document.to_string())
    }
}

type Members = Map<String, Value>;

fn text_of<'a>(members: &'a Members, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

/// The entry of a list of `{name, MEMBER: {…}}`.
fn named<'a>(document: &'a Members, list: &str, member: &str, name: &str) -> Option<&'a Members> {
    let entries = document.get(list)?.as_array()?;
    let entry = entries.iter().find(|entry| entry["name"] == name)?;
    entry.get(member)?.as_object()
}

fn names(document: &Members) -> String {
    let entries = document.get("contexts").and_then(Value::as_array);
    let names = entries
        .into_iter()
        .flatten()
        .filter_map(|it| it["name"].as_str());
    let names: Vec<String> = names
        .take(20)
        .map(|name| Quoted(name).to_string())
        .collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// A cluster or a user that is being taken apart.
struct Part<'a> {
    path: String,
    members: &'a Members,
    findings: &'a mut Vec<Finding>,
}

impl Part<'_> {
    fn find_fault(&mut self, member: &str, message: impl Into<String>) {
        let field = format!("{}.{member}", self.path);
        self.findings.push(Finding::new(field, message));
    }

    fn refuse_all_but(&mut self, known: &[&str]) {
        let members = self.members;
        for (name, value) in members.iter().take(MOST_MEMBERS) {
            let is_unset = match value {
                Value::Null | Value::Bool(false) => true,
                Value::String(text) => text.is_empty(),
                _ => false,
            };
            if is_unset || known.contains(&name.as_str()) {
                continue;
            }
            let why = REFUSED.iter().find(|(refused, _)| refused == name);
            let why = why.map_or("is not known here; leave it out", |(_, why)| why);
            self.find_fault(name, why);
        }
    }

    /// A text on one line.
    fn text(&mut self, member: &str) -> Option<String> {
        match self.members.get(member)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) if text.len() > LONGEST_TEXT => {
                self.find_fault(member, format!("has more than {LONGEST_TEXT} bytes"));
                None
            }
            Value::String(text) if text.chars().any(char::is_control) => {
                self.find_fault(member, "must be one line");
                None
            }
            Value::String(text) => Some(text.clone()),
            _ => {
                self.find_fault(member, "must be a text");
                None
            }
        }
    }

    fn server(&mut self) -> Option<String> {
        let Some(server) = self.text("server") else {
            self.find_fault(
                "server",
                "must be the address of the API server, `https://HOST:PORT`",
            );
            return None;
        };
        match server::check(&server) {
            Ok(()) => Some(server),
            Err(why) => {
                self.find_fault("server", why);
                None
            }
        }
    }

    /// PEM in base64, as it was.
    fn pem(&mut self, member: &str, begin: &str) -> Option<String> {
        let text = match self.members.get(member)? {
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => text.split_ascii_whitespace().collect::<String>(),
            _ => {
                self.find_fault(member, "must be a text");
                return None;
            }
        };
        let decoded = STANDARD.decode(&text).ok();
        let is_pem = decoded.is_some_and(|bytes| String::from_utf8_lossy(&bytes).contains(begin));
        if !is_pem {
            self.find_fault(member, format!("must be PEM (`{begin}…`) in base64"));
            return None;
        }
        Some(text)
    }

    fn credentials(&mut self) -> Option<Credentials> {
        let before = self.findings.len();
        let token = self.text("token");
        let certificate = self.pem("client-certificate-data", "-----BEGIN CERTIFICATE-----");
        let key = self.pem("client-key-data", "PRIVATE KEY-----");
        match (token, certificate, key) {
            // As kubectl has it, a certificate counts beside a token; one is enough.
            (_, Some(certificate), Some(key)) => Some(Credentials::Certificate {
                certificate,
                key: Secret::new(key),
            }),
            (Some(token), None, None) => Some(Credentials::Token(Secret::new(token))),
            _ => {
                if self.findings.len() == before {
                    self.findings.push(Finding::new(
                        self.path.clone(),
                        "must have a `token`, or `client-certificate-data` and `client-key-data`",
                    ));
                }
                None
            }
        }
    }
}

#[path = "kubeconfig_server.rs"]
mod server;
#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
mod tests;
