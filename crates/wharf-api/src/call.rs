//! What a handler receives: the request with its path already taken apart.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Uri, request::Parts};
use serde::de::DeserializeOwned;
use serde_json::Value;
use wharf_control::App;
use wharf_core::{Error, workspace::WorkspacePath};
use wharf_wire::arm::deployments;

use crate::{
    body::RequestBody, json, query::Pairs, refusal::Refusal, settings::ApiSettings, tree::Captures,
};

/// One request on its way to a use case.
pub(crate) struct Call {
    pub(crate) settings: Arc<ApiSettings>,
    pub(crate) parts: Parts,
    pub(crate) body: RequestBody,
    pub(crate) captures: Captures,
}

impl Call {
    /// The use cases.
    pub(crate) fn app(&self) -> &App {
        &self.settings.app
    }

    /// `https://HOST:PORT`, no trailing slash.
    pub(crate) fn public_url(&self) -> &str {
        &self.settings.public_url
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// A header's text; `None` when it is missing or not ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// What stands for `{name}` in the path, percent-decoded and free of `..`,
    /// control characters and (but for `{*name}`) slashes. Empty when the route has
    /// no such part.
    pub(crate) fn parameter(&self, name: &str) -> Cow<'_, str> {
        self.captures.get(self.parts.uri.path(), name)
    }

    /// `{subscription}`, `{group}` and `{workspace}` of the path.
    pub(crate) fn workspace(&self) -> WorkspacePath {
        WorkspacePath {
            subscription: self.parameter("subscription").into_owned(),
            group: self.parameter("group").into_owned(),
            workspace: self.parameter("workspace").into_owned(),
        }
    }

    /// The query's pairs.
    pub(crate) fn pairs(&self) -> Pairs<'_> {
        Pairs(self.parts.uri.query().unwrap_or_default())
    }

    /// The first value of `name` in the query; names compare without case.
    pub(crate) fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.pairs().get(name)
    }

    /// The whole body.
    ///
    /// # Errors
    /// 413, 408 or 400.
    pub(crate) async fn bytes(&mut self) -> Result<Bytes, Refusal> {
        self.body.whole(&self.parts.headers).await
    }

    /// The body as JSON, whatever its content type says: clients differ.
    ///
    /// # Errors
    /// As [`Call::bytes`], and 400 naming the field that is wrong.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Refusal> {
        let bytes = self.bytes().await?;
        json::parse(&bytes, self.settings.limits.json_depth)
    }

    /// The body as `az deployment group` sends it, which is almost JSON.
    ///
    /// # Errors
    /// As [`Call::json`].
    pub(crate) async fn lenient(&mut self) -> Result<Value, Refusal> {
        let bytes = self.bytes().await?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| Refusal::field("body", "is not UTF-8"))?;
        let depth = self.settings.limits.json_depth;
        deployments::parse_body(text, depth).map_err(|finding| Error::Invalid(vec![finding]).into())
    }

    /// The body as the JSON of one resource, which is smaller than a body may be:
    /// it is stored.
    ///
    /// # Errors
    /// As [`Call::json`].
    pub(crate) async fn resource(&mut self) -> Result<Value, Refusal> {
        let limit = self.settings.limits.resource_bytes;
        self.body.allow("the resource", limit);
        self.json().await
    }
}
