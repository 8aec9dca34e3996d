//! Requests over one connection, one after another, and what they cost the server.

use hyper::Method;
use serde_json::Value;

use crate::bench::{
    BenchResult,
    client::{Answer, Connection, Target},
    server::Server,
};

/// How often a request is sent, so that ticks of 10 ms tell something of it.
const ROUNDS: u32 = 200;

/// One client.
pub(super) struct Asker<'a> {
    pub(super) server: &'a Server,
    pub(super) target: &'a Target,
    pub(super) connection: Connection,
}

impl<'a> Asker<'a> {
    pub(super) async fn new(server: &'a Server, target: &'a Target) -> BenchResult<Self> {
        Ok(Self {
            server,
            target,
            connection: target.connect().await?,
        })
    }

    pub(super) async fn answer(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> BenchResult<Answer> {
        let request = self.target.request(method, path, body)?;
        self.connection.send(request).await
    }

    pub(super) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> BenchResult<Value> {
        let answer = self.answer(method, path, body).await?.good()?;
        match answer.body.is_empty() {
            true => Ok(Value::Null),
            false => answer.json(),
        }
    }

    /// A path of the data plane's model management.
    pub(super) fn management(&self, rest: &str) -> String {
        format!("/modelmanagement/v1.0{}{rest}", self.target.workspace)
    }

    /// Processor time of one GET, in microseconds.
    pub(super) async fn cost(&mut self, path: &str) -> BenchResult<f64> {
        let before = self.server.cpu_seconds()?;
        for _ in 0..ROUNDS {
            self.ask(Method::GET, path, None).await?;
        }
        Ok(1e6 * (self.server.cpu_seconds()? - before) / f64::from(ROUNDS))
    }

    /// The addresses of all pages of a list, and how many items they had.
    pub(super) async fn walk(&mut self, first: String) -> BenchResult<(Vec<String>, usize)> {
        let (mut pages, mut seen) = (vec![first], 0);
        while let Some(page) = pages.last().cloned() {
            let page = self.ask(Method::GET, &page, None).await?;
            seen += page["value"].as_array().map_or(0, Vec::len);
            match page["nextLink"].as_str() {
                Some(next) => pages.push(self.target.path_of(next).to_owned()),
                None => break,
            }
        }
        Ok((pages, seen))
    }
}
