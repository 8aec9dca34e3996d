//! What the server costs over a whole store when nobody asks: its start, its memory,
//! a minute of rest with its looks at what is unsettled, and the sweep that follows.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use tokio::time::sleep;

use super::columns::Columns;
use crate::bench::{BenchResult, server::Server};

/// From the start until nothing of it is under way any more; the looks at what is
/// unsettled come every 30 s, and the sweep 60 s after the start.
const SETTLED: Duration = Duration::from_secs(10);
/// Has one look at what is unsettled, and nothing else.
const REST: Duration = Duration::from_secs(40);
/// Has another one, and the sweep.
const SWEEP: Duration = Duration::from_secs(40);
/// When files were written, as far as the sweep can tell, which leaves alone what is
/// younger than a day.
const LONG_AGO: SystemTime = SystemTime::UNIX_EPOCH;

/// Adds a column: starts the server over its store and lets it be.
pub(super) async fn measure(server: &mut Server, columns: &mut Columns) -> BenchResult<()> {
    make_old(&server.data().join("blobs"))?;
    let ready = server.restart().await?;
    let started = 1e3 * server.cpu_seconds()?;
    columns.add("start to ready, ms by the clock", 1e3 * ready.as_secs_f64());
    columns.add("start to ready, ms of processor", started);
    sleep(SETTLED).await;
    let settled = 1e3 * server.cpu_seconds()?;
    columns.add("the 10 s after it, ms of processor", settled - started);
    columns.add("memory at rest, MiB", server.memory_mib()?);
    sleep(REST).await;
    let rested = 1e3 * server.cpu_seconds()?;
    columns.add("40 s of rest, ms of processor", rested - settled);
    sleep(SWEEP).await;
    let swept = 1e3 * server.cpu_seconds()?;
    columns.add(
        "40 s of rest with the sweep, ms of processor",
        swept - rested,
    );
    Ok(())
}

/// Makes all files below a folder old.
fn make_old(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            make_old(&path)?;
        } else {
            fs::File::options()
                .write(true)
                .open(&path)?
                .set_modified(LONG_AGO)?;
        }
    }
    Ok(())
}
