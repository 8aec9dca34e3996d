//! Requests over one connection, one after another, and what they cost the server.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use serde_json::Value;
use tokio::time::sleep;

use crate::bench::{
    BenchResult,
    client::{Answer, Connection, Target},
    server::Server,
};

/// Requests between two looks at the clock of the server, which ticks every 10 ms.
const ROUNDS: u32 = 20;
/// Processor time of the server, in seconds, that a figure is the mean of.
const ENOUGH: f64 = 0.3;
/// Most requests of one figure.
const MOST: u32 = 4_000;
/// Most writes of one figure: each leaves something.
const MOST_WRITES: u32 = 200;
/// How long an operation may take, and how often it is looked at.
const LONGEST: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(2);

/// A request: its method, its path and its body.
pub(super) type Ask = (Method, String, Option<Value>);

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

    async fn answer(&mut self, (method, path, body): &Ask) -> BenchResult<Answer> {
        let request = self.target.request(method.clone(), path, body.as_ref())?;
        self.connection.send(request).await
    }

    /// An answer of success.
    pub(super) async fn ask(&mut self, ask: &Ask) -> BenchResult<Value> {
        let answer = self.answer(ask).await?.good()?;
        match answer.body.is_empty() {
            true => Ok(Value::Null),
            false => answer.json(),
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> BenchResult<Value> {
        self.ask(&(Method::GET, path.to_owned(), None)).await
    }

    /// A write with an operation, sent again while an earlier one is under way; where
    /// the operation is polled.
    pub(super) async fn begin(&mut self, ask: &Ask) -> BenchResult<String> {
        let began = Instant::now();
        let answer = loop {
            let answer = self.answer(ask).await?;
            if answer.status != StatusCode::CONFLICT || began.elapsed() > LONGEST {
                break answer.good()?;
            }
            sleep(LOOK).await;
        };
        if let Some(url) = answer.headers.get("azure-asyncoperation") {
            return Ok(self.target.path_of(url.to_str()?).to_owned());
        }
        let operation = self.target.operation(&answer)?;
        operation.ok_or_else(|| "an answer without an operation".into())
    }

    /// Waits until an operation has ended, whichever way.
    pub(super) async fn wait(&mut self, operation: &str) -> BenchResult<()> {
        let began = Instant::now();
        while began.elapsed() < LONGEST {
            let document = self.get(operation).await?;
            let state = document["status"].as_str().or(document["state"].as_str());
            if matches!(state, Some("Succeeded" | "Failed")) {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        Err(format!("{operation} did not end").into())
    }

    /// Makes the next things, from number `*made` up to `wanted`: processor time of each
    /// until `make` is done with it, in microseconds.
    pub(super) async fn cost_of_making(
        &mut self,
        made: &mut u32,
        wanted: u32,
        mut make: impl AsyncFnMut(&mut Self, u32) -> BenchResult<()>,
    ) -> BenchResult<f64> {
        let before = self.server.cpu_seconds()?;
        let from = *made;
        while *made < wanted {
            make(self, *made).await?;
            *made += 1;
        }
        let spent = self.server.cpu_seconds()? - before;
        Ok(1e6 * spent / f64::from((*made - from).max(1)))
    }

    /// Processor time of one GET, in microseconds.
    pub(super) async fn cost(&mut self, path: &str) -> BenchResult<f64> {
        self.get(path).await?;
        let before = self.server.cpu_seconds()?;
        let mut sent = 0;
        loop {
            for _ in 0..ROUNDS {
                self.get(path).await?;
            }
            sent += ROUNDS;
            let spent = self.server.cpu_seconds()? - before;
            if spent >= ENOUGH || sent >= MOST {
                return Ok(1e6 * spent / f64::from(sent));
            }
        }
    }

    /// Processor time of one write with all that it sets off, in microseconds.
    pub(super) async fn cost_of_writes(&mut self, make: impl Fn(u32) -> Ask) -> BenchResult<f64> {
        let before = self.server.cpu_seconds()?;
        for number in 0..MOST_WRITES {
            let operation = self.begin(&make(number)).await?;
            self.wait(&operation).await?;
        }
        Ok(1e6 * (self.server.cpu_seconds()? - before) / f64::from(MOST_WRITES))
    }

    /// Processor time of one request that is refused with 409, in microseconds.
    pub(super) async fn cost_of_refusals(&mut self, ask: &Ask) -> BenchResult<f64> {
        let before = self.server.cpu_seconds()?;
        for _ in 0..MOST_WRITES {
            let status = self.answer(ask).await?.status;
            if status != StatusCode::CONFLICT {
                return Err(format!("{} {}: {status}", ask.0, ask.1).into());
            }
        }
        Ok(1e6 * (self.server.cpu_seconds()? - before) / f64::from(MOST_WRITES))
    }

    /// The addresses of all pages of a list, and how many items they had.
    pub(super) async fn walk(&mut self, first: String) -> BenchResult<(Vec<String>, usize)> {
        let (mut pages, mut seen) = (vec![first], 0);
        while let Some(page) = pages.last().cloned() {
            let page = self.get(&page).await?;
            seen += page["value"].as_array().map_or(0, Vec::len);
            match page["nextLink"].as_str() {
                Some(next) => pages.push(self.target.path_of(next).to_owned()),
                None => break,
            }
        }
        Ok((pages, seen))
    }
}
