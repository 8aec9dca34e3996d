//! Operations and the audit log: computes are written again and again, and each write
//! leaves one operation that has ended and one entry.

use hyper::Method;

use super::{asker::Asker, columns::Columns, computes};
use crate::bench::BenchResult;

/// Computes that take turns, so that a write seldom meets the one before.
const TARGETS: u32 = 20;

pub(super) async fn measure(asker: &mut Asker<'_>, counts: &[u32]) -> BenchResult<Columns> {
    let mut columns = Columns::new("operations that have ended", counts);
    let mut first: Option<String> = None;
    let mut made = 0;
    for wanted in counts.iter().copied() {
        let mut newest = None;
        let make = async |asker: &mut Asker<'_>, number: u32| {
            let name = format!("turn-{}", number % TARGETS);
            let put = computes::put(asker, &name, number / TARGETS);
            let operation = newest.insert(asker.begin(&put).await?);
            first.get_or_insert_with(|| operation.clone());
            Ok(())
        };
        let each = asker.cost_of_making(&mut made, wanted, make).await?;
        columns.add("PUT of a compute, to its end", each);
        let (Some(first), Some(newest)) = (&first, &newest) else {
            return Err("there are no operations to measure".into());
        };
        asker.wait(newest).await?;
        for (what, path) in [
            ("status of the first operation", first.clone()),
            ("status of the newest", newest.clone()),
            ("GET of a compute", computes::path(asker, "turn-0")),
            ("first page of the audit log", audit(asker, "")),
            (
                "audit log by a caller that it does not have",
                audit(asker, "&$filter=caller%20eq%20'nobody'"),
            ),
        ] {
            columns.add(what, asker.cost(&path).await?);
        }
    }
    Ok(columns)
}

fn audit(asker: &Asker<'_>, more: &str) -> String {
    let subscription = asker.target.workspace.split("/resourceGroups/").next();
    format!(
        "{}/providers/Microsoft.Insights/eventtypes/management/values\
         ?api-version=2015-04-01&$top=100{more}",
        subscription.unwrap_or_default()
    )
}

/// A write that leaves an operation and a new version of a resource.
pub(super) fn changes(asker: &Asker<'_>, name: &str) -> impl Fn(u32) -> super::asker::Ask + use<> {
    let path = computes::path(asker, name);
    move |round| (Method::PUT, path.clone(), Some(computes::body(round)))
}
