//! Services that do not run: the server keeps so much of the disk free that no
//! environment is made, so each ends as failed, and no process is started.

use hyper::Method;
use serde_json::{Value, json};

use super::{
    asker::{Ask, Asker},
    columns::Columns,
    computes, models,
};
use crate::bench::{BenchResult, flows};

/// What makes a server refuse to make environments: more MiB than any disk has free.
pub(super) const NO_ENVIRONMENTS: &str = "--keep-free=10485760";
const COMPUTE: &str = "services";
const MODEL: &str = "served";

fn list(asker: &Asker<'_>, more: &str) -> String {
    asker.target.management(&format!("/services{more}"))
}

fn body(name: &str, script: &str) -> Value {
    let mut body = flows::service(name, COMPUTE, script);
    body["kvTags"] = json!({"stage": "gold"});
    body["properties"] = json!({"origin": "bench"});
    body["environmentImageRequest"]["modelIds"] = json!([format!("{MODEL}:1")]);
    body
}

/// Gives a service another key: its operation has ended, and its route is published.
fn new_key(asker: &Asker<'_>, name: &str) -> impl Fn(u32) -> Ask + use<> {
    let path = list(asker, &format!("/{name}/regenerateKeys"));
    move |_| {
        (
            Method::POST,
            path.clone(),
            Some(json!({"keyType": "Primary"})),
        )
    }
}

fn new_tags(asker: &Asker<'_>, name: &str) -> impl Fn(u32) -> Ask + use<> {
    let path = list(asker, &format!("/{name}"));
    move |round| {
        let tags = json!({"stage": "gold", "round": round.to_string()});
        let patch = json!([{"op": "replace", "path": "/kvTags", "value": tags}]);
        (Method::PATCH, path.clone(), Some(patch))
    }
}

pub(super) async fn measure(
    asker: &mut Asker<'_>,
    counts: &[u32],
    file: &str,
) -> BenchResult<Columns> {
    let mut columns = Columns::new("services", counts);
    models::register(asker, MODEL, file).await?;
    let put = computes::put(asker, COMPUTE, 0);
    let operation = asker.begin(&put).await?;
    asker.wait(&operation).await?;
    let script = format!("aml://artifact/{file}");
    let mut made = 0;
    for wanted in counts.iter().copied() {
        let mut newest = None;
        let make = async |asker: &mut Asker<'_>, number: u32| {
            let document = body(&format!("service-{number:05}"), &script);
            let create = (Method::POST, list(asker, ""), Some(document));
            let operation = newest.insert(asker.begin(&create).await?);
            asker.wait(operation).await
        };
        let each = asker.cost_of_making(&mut made, wanted, make).await?;
        let newest = newest.ok_or("there are no services to measure")?;
        columns.add("POST of the next one, to its end", each);
        let before = asker.server.cpu_seconds()?;
        let (pages, seen) = asker.walk(list(asker, "?count=50")).await?;
        let all = 1e6 * (asker.server.cpu_seconds()? - before);
        if seen != usize::try_from(made)? {
            return Err(format!("a walk saw {seen} services of {made}").into());
        }
        columns.add("walk of all pages, for each service", all / f64::from(made));
        let last = pages.last().cloned().unwrap_or_default();
        let one = "service-00042";
        for (what, path) in [
            ("GET of one", list(asker, &format!("/{one}"))),
            ("status of an operation", newest),
            ("first page of 50", pages[0].clone()),
            ("last page of 50", last),
            ("10 with a tag", list(asker, "?tags=stage%3Dgold&count=10")),
            (
                "10 with a tag that none has",
                list(asker, "?tags=none&count=10"),
            ),
            (
                "10 with a model",
                list(asker, &format!("?modelName={MODEL}&count=10")),
            ),
            (
                "10 with versions, which none has",
                list(asker, "?computeType=AKSENDPOINT&count=10"),
            ),
        ] {
            columns.add(what, asker.cost(&path).await?);
        }
        let keys = asker.cost_of_writes(new_key(asker, one));
        columns.add("a new key, its route published", keys.await?);
        let tags = asker.cost_of_writes(new_tags(asker, one));
        columns.add("PATCH of its tags, to its end", tags.await?);
        let detach = format!(
            "{}&underlyingResourceAction=Detach",
            computes::path(asker, COMPUTE)
        );
        let detach = (Method::DELETE, detach, None);
        columns.add(
            "detach of their compute, refused with their names",
            asker.cost_of_refusals(&detach).await?,
        );
        columns.add("memory of the server, MiB", asker.server.memory_mib()?);
    }
    Ok(columns)
}
