//! One kept connection, signed in, and what the server's files say about it.

use std::{fs, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{BenchResult, server::Server};

/// Where to ask, and as whom.
#[derive(Clone)]
pub(super) struct Target {
    tls: TlsConnector,
    /// `HOST:PORT` of the control plane.
    authority: String,
    port: u16,
    /// The workspace's ARM id.
    pub(super) workspace: String,
    authorization: String,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> BenchResult<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The answer, if its status is one of success.
    pub(super) fn good(self) -> BenchResult<Self> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(format!("{}: {}", self.status, String::from_utf8_lossy(&self.body)).into())
    }
}

impl Target {
    pub(super) async fn open(server: &Server) -> BenchResult<Self> {
        let admin = fs::read(server.data().join("admin.json"))?;
        let admin: Value = serde_json::from_slice(&admin)?;
        let member = |name: &str| admin[name].as_str().unwrap_or_default().to_owned();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(member("caFile"))?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let url = member("serverUrl");
        let authority = url.trim_start_matches("https://").to_owned();
        let port = authority.rsplit(':').next().unwrap_or_default().parse()?;
        let mut target = Self {
            tls: TlsConnector::from(Arc::new(config)),
            authority,
            port,
            workspace: format!(
                "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.MachineLearningServices/workspaces/{}",
                member("subscriptionId"),
                member("resourceGroup"),
                member("workspaceName")
            ),
            authorization: String::new(),
        };
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={url}/.default",
            member("clientId"),
            member("clientSecret")
        );
        let request = Request::post("/adfs/oauth2/token")
            .header(HOST, &target.authority)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form))?;
        let answer = target
            .connect()
            .await?
            .send(request)
            .await?
            .good()?
            .json()?;
        let token = answer["access_token"].as_str().ok_or("no token")?;
        target.authorization = format!("Bearer {token}");
        Ok(target)
    }

    pub(super) async fn connect(&self) -> BenchResult<Connection> {
        let host = self.authority.clone();
        self.connect_to(host.split(':').next().unwrap_or_default())
            .await
    }

    /// By address: the names of blobs need not resolve here.
    pub(super) async fn connect_to(&self, host: &str) -> BenchResult<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(host.to_owned())?;
        let stream = self.tls.connect(name, stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection(sender))
    }

    /// A signed-in request with a JSON body, or none.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> BenchResult<Request<Full<Bytes>>> {
        let bytes = body.map(Value::to_string).unwrap_or_default();
        Ok(Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(bytes))?)
    }

    /// A path of the data plane's model management.
    pub(super) fn management(&self, rest: &str) -> String {
        format!("/modelmanagement/v1.0{}{rest}", self.workspace)
    }

    /// Where the operation of a write to model management is polled; `None` when the
    /// write has none.
    pub(super) fn operation(&self, answer: &Answer) -> BenchResult<Option<String>> {
        let Some(url) = answer.headers.get("operation-location") else {
            return Ok(None);
        };
        let id = url.to_str()?.rsplit('/').next().unwrap_or_default();
        Ok(Some(self.management(&format!("/operations/{id}"))))
    }

    /// Path and query of an absolute address of this server.
    pub(super) fn path_of<'a>(&self, url: &'a str) -> &'a str {
        url.trim_start_matches("https://")
            .find('/')
            .map_or("/", |at| &url["https://".len() + at..])
    }
}

/// A connection that is kept.
pub(super) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> BenchResult<Answer> {
        self.0.ready().await?;
        let (head, body) = self.0.send_request(request).await?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }
}
