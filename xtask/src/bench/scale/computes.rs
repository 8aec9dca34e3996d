//! Computes, each with the managed cluster that is made for it.

use hyper::Method;
use serde_json::{Value, json};

use super::{
    asker::{Ask, Asker},
    columns::Columns,
    operations,
};
use crate::bench::BenchResult;

const VERSION: &str = "api-version=2020-02-02";

fn list(asker: &Asker<'_>, more: &str) -> String {
    format!("{}/computes?{VERSION}{more}", asker.target.workspace)
}

pub(super) fn path(asker: &Asker<'_>, name: &str) -> String {
    format!("{}/computes/{name}?{VERSION}", asker.target.workspace)
}

pub(super) fn body(round: u32) -> Value {
    json!({
        "location": "local",
        "tags": {"round": round.to_string()},
        "properties": {"computeType": "AKS", "properties": {"clusterPurpose": "DevTest"}}
    })
}

/// Makes a compute, or changes one that is there.
pub(super) fn put(asker: &Asker<'_>, name: &str, round: u32) -> Ask {
    (Method::PUT, path(asker, name), Some(body(round)))
}

pub(super) async fn measure(asker: &mut Asker<'_>, counts: &[u32]) -> BenchResult<Columns> {
    let mut columns = Columns::new("computes", counts);
    let (_, others) = asker.walk(list(asker, "")).await?;
    let mut made = 0;
    for wanted in counts.iter().copied() {
        let mut newest = None;
        let make = async |asker: &mut Asker<'_>, number: u32| {
            let put = put(asker, &format!("c-{number:05}"), 0);
            let operation = newest.insert(asker.begin(&put).await?);
            // The last one's end is theirs together.
            match number + 1 == wanted {
                true => asker.wait(operation).await,
                false => Ok(()),
            }
        };
        let each = asker.cost_of_making(&mut made, wanted, make).await?;
        let newest = newest.ok_or("there are no computes to measure")?;
        columns.add("PUT of the next one, to its end", each);
        let (pages, seen) = asker.walk(list(asker, "&$top=50")).await?;
        if seen != usize::try_from(made)? + others {
            return Err(format!("a walk saw {seen} computes of {made} and {others}").into());
        }
        let last = pages.last().cloned().unwrap_or_default();
        let group = asker.target.workspace.split("/providers/").next();
        let group = group.unwrap_or_default().to_owned();
        for (what, path) in [
            ("GET of one", path(asker, "c-00042")),
            ("status of its operation", newest),
            ("first page of 50", pages[0].clone()),
            ("last page", last),
            (
                "first 50 of type AKS",
                list(asker, "&$top=50&computeType=AKS"),
            ),
            (
                "of type Kubernetes, which none is",
                list(asker, "&computeType=Kubernetes"),
            ),
            (
                "first page of managed clusters",
                format!(
                    "{group}/providers/Microsoft.ContainerService/managedClusters\
                     ?api-version=2024-01-01"
                ),
            ),
        ] {
            columns.add(what, asker.cost(&path).await?);
        }
        let change = asker.cost_of_writes(operations::changes(asker, "c-00042"));
        columns.add("PUT of a change, to its end", change.await?);
        columns.add("memory of the server, MiB", asker.server.memory_mib()?);
    }
    Ok(columns)
}
