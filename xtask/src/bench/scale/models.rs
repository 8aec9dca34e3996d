//! Models. Half of them are versions of one name, half have names of their own. All are
//! made of one file, each by an asset of its own.

use hyper::Method;
use serde_json::json;

use super::{asker::Asker, columns::Columns};
use crate::bench::BenchResult;

/// Registers a model made of `file`, the path of an artifact.
pub(super) async fn register(asker: &mut Asker<'_>, name: &str, file: &str) -> BenchResult<()> {
    let asset = json!({"name": "bench", "artifacts": [{"prefix": file}]});
    let path = asker.target.management("/assets");
    let asset = asker.ask(&(Method::POST, path, Some(asset))).await?;
    let asset = asset["id"].as_str().ok_or("an asset without id")?;
    let model = json!({
        "name": name, "url": format!("aml://asset/{asset}"), "unpack": false,
        "mimeType": "application/octet-stream", "kvTags": {"stage": "gold"},
    });
    let path = asker.target.management("/models");
    asker
        .ask(&(Method::POST, path, Some(model)))
        .await
        .map(drop)
}

pub(super) async fn measure(
    asker: &mut Asker<'_>,
    counts: &[u32],
    file: &str,
) -> BenchResult<Columns> {
    let mut columns = Columns::new("models", counts);
    let mut made = 0;
    for wanted in counts.iter().copied() {
        let make = async |asker: &mut Asker<'_>, number: u32| {
            let name = match number % 2 {
                0 => "iris".to_owned(),
                _ => format!("name-{number:06}"),
            };
            register(asker, &name, file).await
        };
        let each = asker.cost_of_making(&mut made, wanted, make).await?;
        columns.add("register the next one, with its asset", each);
        let before = asker.server.cpu_seconds()?;
        let (pages, seen) = asker.walk(asker.target.management("/models")).await?;
        let all = 1e6 * (asker.server.cpu_seconds()? - before);
        if seen != usize::try_from(made)? {
            return Err(format!("a walk saw {seen} models of {made}").into());
        }
        columns.add("walk of all pages, for each model", all / f64::from(made));
        for (what, path) in [
            ("GET of one", asker.target.management("/models/iris:1")),
            ("first page", pages[0].clone()),
            ("middle page", pages[pages.len() / 2].clone()),
            (
                "10 of a name",
                asker.target.management("/models?name=iris&count=10"),
            ),
            (
                "10 with a tag",
                asker.target.management("/models?tag=stage&count=10"),
            ),
            (
                "10 with a tag that none has",
                asker.target.management("/models?tag=none&count=10"),
            ),
        ] {
            columns.add(what, asker.cost(&path).await?);
        }
        columns.add("memory of the server, MiB", asker.server.memory_mib()?);
    }
    Ok(columns)
}
