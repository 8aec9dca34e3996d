//! The surfaces over a whole App with fakes around it: what is sent, what comes
//! back, and how an answer is written down in a snapshot.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use wharf_api::{Api, ApiSettings, Limits};
use wharf_control::testing::TestApp;

use crate::contract;

/// How clients reach the server of these tests.
pub(crate) const PUBLIC_URL: &str = "https://localhost:8443";
/// The workspace's part of a template.
pub(crate) const WORKSPACE: &str = "/subscriptions/{subscription}/resourceGroups/{group}/providers/\
                         Microsoft.MachineLearningServices/workspaces/{workspace}";
/// Headers that a client acts on.
const SHOWN_HEADERS: [&str; 18] = [
    "content-type",
    "operation-location",
    "azure-asyncoperation",
    "location",
    "retry-after",
    "www-authenticate",
    "cache-control",
    "allow",
    "x-ms-error-code",
    "x-ms-version",
    "x-ms-blob-type",
    "etag",
    "last-modified",
    "content-md5",
    "content-length",
    "content-range",
    "accept-ranges",
    "x-ms-blob-content-md5",
];
/// What differs from run to run.
pub(crate) const FILTERS: [(&str, &str); 8] = [
    (
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[id]",
    ),
    ("\\b[0-9a-f]{64}\\b", "[digest]"),
    // A replica: its deployment, the start of what it runs, its number.
    ("\\b[0-9a-f]{32}-[0-9a-f]{12}-(\\d+)\\b", "[replica]-$1"),
    ("\\b[0-9a-f]{32}\\b", "[workspace]"),
    ("sig=[A-Za-z0-9_-]+", "sig=[signature]"),
    ("(\"(primary|secondary)Key\": )\"[^\"]*\"", "$1\"[key]\""),
    (
        "\"(access_token|id_token|accessToken)\": \"[^\"]*\"",
        "\"$1\": \"[token]\"",
    ),
    ("\"0x[0-9A-F]{16}\"", "\"[etag]\""),
];

/// The surfaces, and somebody signed in.
pub(crate) struct Surface {
    pub(crate) test: TestApp,
    pub(crate) api: Api,
    pub(crate) token: String,
}

/// What came back, and for what.
pub(crate) struct Answer {
    pub(crate) method: Method,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request on its way.
pub(crate) struct Ask<'a> {
    surface: &'a Surface,
    request: http::request::Builder,
    body: Bytes,
}

impl Surface {
    pub(crate) async fn new() -> Self {
        Self::over(TestApp::new().await).await
    }

    /// The surfaces over an App with settings of the test's own.
    pub(crate) async fn over(test: TestApp) -> Self {
        let api = Api::new(ApiSettings {
            app: test.app.clone(),
            public_url: PUBLIC_URL.to_owned(),
            limits: Limits::default(),
            throttling: None,
        });
        let token = test.bearer().await;
        Self { test, api, token }
    }

    /// The workspace's part of a path.
    pub(crate) fn workspace(&self) -> String {
        let path = &self.test.path;
        WORKSPACE
            .replace("{subscription}", &path.subscription)
            .replace("{group}", &path.group)
            .replace("{workspace}", &path.workspace)
    }

    /// A path of model management.
    pub(crate) fn mms(&self, rest: &str) -> String {
        format!("/modelmanagement/v1.0{}{rest}", self.workspace())
    }

    /// A path of the artifact service.
    pub(crate) fn files(&self, rest: &str) -> String {
        format!("/artifact/v2.0{}{rest}", self.workspace())
    }

    /// A request with the administrator's token.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        let ask = self.ask_nobody(method, path);
        ask.header("authorization", &format!("Bearer {}", self.token))
    }

    /// A request without a token.
    pub(crate) fn ask_nobody(&self, method: &str, path: &str) -> Ask<'_> {
        Ask {
            surface: self,
            request: Request::builder()
                .method(method)
                .uri(path)
                .header("host", "localhost:8443"),
            body: Bytes::new(),
        }
    }

    /// A request to the address of a blob.
    pub(crate) fn ask_blob(&self, method: &str, url: &str) -> Ask<'_> {
        let rest = url.strip_prefix("https://").expect("https");
        let (host, path) = rest.split_once('/').expect("a path");
        Ask {
            surface: self,
            request: Request::builder()
                .method(method)
                .uri(format!("/{path}"))
                .header("host", host),
            body: Bytes::new(),
        }
    }
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.request.body(self.body).expect("a request");
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let host = request.headers().get("host");
        let host = host
            .map_or("", |host| host.to_str().expect("ASCII"))
            .to_owned();
        let (parts, body) = self.surface.api.answer(request).await.into_parts();
        let body = body.collect().await.expect("the whole body").to_bytes();
        let (status, headers) = (parts.status, parts.headers);
        contract::assert_keeps(&method, &host, &path, status, &headers, &body);
        Answer {
            method,
            host,
            path,
            status,
            headers,
            body,
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The JSON of an answer that must be a good one.
    #[track_caller]
    pub(crate) fn good(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text());
        self.json()
    }

    /// The fields that a 4xx of the data plane names.
    #[track_caller]
    pub(crate) fn refused_fields(&self) -> Vec<String> {
        assert!(self.status.is_client_error(), "{}", self.status);
        let body = self.json();
        assert_eq!(body["statusCode"], self.status.as_u16(), "{body}");
        let details = body["details"].as_array().expect("details").iter();
        details
            .map(|detail| detail["target"].as_str().expect("a field").to_owned())
            .collect()
    }

    pub(crate) fn shown(&self) -> String {
        let mut shown = format!("{}\n", self.status);
        for name in SHOWN_HEADERS {
            if let Some(value) = self.header(name) {
                shown.push_str(&format!("{name}: {value}\n"));
            }
        }
        shown.push('\n');
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(json) => shown.push_str(&serde_json::to_string_pretty(&json).expect("JSON")),
            Err(_) => shown.push_str(&String::from_utf8_lossy(&self.body)),
        }
        shown
    }
}

/// The file of a route's snapshot, without its ending. The workspace's part is left
/// out: it is the same everywhere.
pub(crate) fn snapshot_name(method: &str, template: &str) -> String {
    let short = template.replace(WORKSPACE, "");
    let words = short.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    format!("{method}_{}", words.join("_"))
}
