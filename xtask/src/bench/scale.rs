//! `xtask bench scale`: what a request costs when there are few things, and when there
//! are many. Only the ratio of columns tells something of Wharf.
//!
//! Everything is made over the API. Half of the models are versions of one name, half
//! have names of their own. All are made of one file, each by an asset of its own.

use std::path::PathBuf;

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    BenchResult,
    client::{Connection, Target},
    flows,
    server::Server,
    table::Table,
};

/// How often a request is sent, so that ticks of 10 ms tell something of it.
const ROUNDS: u32 = 200;

/// What to measure.
#[derive(Args)]
pub(crate) struct ScaleArgs {
    /// The binary to measure, a release build
    #[arg(long, value_name = "PROGRAM", default_value = "target/release/wharf")]
    binary: PathBuf,
    /// How many models there are in each column
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    models: Vec<u32>,
}

struct Asker<'a> {
    server: &'a Server,
    target: &'a Target,
    connection: Connection,
}

impl Asker<'_> {
    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> BenchResult<Value> {
        let request = self.target.request(method, path, body)?;
        let answer = self.connection.send(request).await?.good()?;
        match answer.body.is_empty() {
            true => Ok(Value::Null),
            false => answer.json(),
        }
    }

    fn management(&self, rest: &str) -> String {
        format!("/modelmanagement/v1.0{}{rest}", self.target.workspace)
    }

    async fn register(&mut self, name: &str, file: &str) -> BenchResult<()> {
        let asset = json!({"name": "bench", "artifacts": [{"prefix": file}]});
        let path = self.management("/assets");
        let asset = self.ask(Method::POST, &path, Some(&asset)).await?;
        let asset = asset["id"].as_str().ok_or("an asset without id")?;
        let model = json!({
            "name": name, "url": format!("aml://asset/{asset}"), "unpack": false,
            "mimeType": "application/octet-stream", "kvTags": {"stage": "gold"},
        });
        let path = self.management("/models");
        self.ask(Method::POST, &path, Some(&model)).await.map(drop)
    }

    /// Processor time of one GET, in microseconds.
    async fn cost(&mut self, path: &str) -> BenchResult<f64> {
        let before = self.server.cpu_seconds()?;
        for _ in 0..ROUNDS {
            self.ask(Method::GET, path, None).await?;
        }
        Ok(1e6 * (self.server.cpu_seconds()? - before) / f64::from(ROUNDS))
    }

    /// The addresses of all pages, and how many models they had.
    async fn walk(&mut self) -> BenchResult<(Vec<String>, usize)> {
        let (mut pages, mut seen) = (vec![self.management("/models")], 0);
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

pub(crate) async fn measure(args: &ScaleArgs) -> BenchResult<()> {
    let mut server = Server::start(&args.binary).await?;
    let target = Target::open(&server).await?;
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let mut row = |what: &str, value: String| match rows.iter_mut().find(|it| it.0 == what) {
        Some((_, values)) => values.push(value),
        None => rows.push((what.to_owned(), vec![value])),
    };
    let mut asker = Asker {
        server: &server,
        target: &target,
        connection: target.connect().await?,
    };
    let file = flows::upload(&target, &mut asker.connection).await?;
    let file = file.trim_start_matches("aml://artifact/").to_owned();
    let mut made = 0;
    for wanted in args.models.iter().copied() {
        let before = server.cpu_seconds()?;
        let from = made;
        while made < wanted {
            let name = match made % 2 {
                0 => "iris".to_owned(),
                _ => format!("name-{made:06}"),
            };
            asker.register(&name, &file).await?;
            made += 1;
        }
        let each = 1e6 * (server.cpu_seconds()? - before) / f64::from((made - from).max(1));
        row("register, with its asset", format!("{each:.0}"));
        let before = server.cpu_seconds()?;
        let (pages, seen) = asker.walk().await?;
        let all = 1e6 * (server.cpu_seconds()? - before);
        if seen != usize::try_from(made)? {
            return Err(format!("a walk saw {seen} models of {made}").into());
        }
        row(
            "walk of all pages, a model",
            format!("{:.0}", all / f64::from(made)),
        );
        for (what, path) in [
            ("GET of a model", asker.management("/models/iris:1")),
            ("first page", pages[0].clone()),
            ("middle page", pages[pages.len() / 2].clone()),
            (
                "10 of a name",
                asker.management("/models?name=iris&count=10"),
            ),
            (
                "10 with a tag",
                asker.management("/models?tag=stage&count=10"),
            ),
            (
                "10 with a tag that none has",
                asker.management("/models?tag=none&count=10"),
            ),
        ] {
            let cost = asker.cost(&path).await?;
            row(what, format!("{cost:.0}"));
        }
        row("memory, MiB", format!("{:.1}", server.memory_mib()?));
    }
    drop(asker);
    server.stop().await?;
    let mut table = Table::default();
    let columns = args.models.iter().map(ToString::to_string);
    table.row(
        "µs of processor at so many models",
        columns.collect::<Vec<_>>().join(" | "),
        "",
    );
    for (what, values) in rows {
        table.row(what, values.join(" | "), "");
    }
    table.print();
    Ok(())
}
