//! Frees the bytes that nothing names any more: of blobs that were overwritten, of
//! uploads that broke off between their file and their row.
//!
//! Safe at a kill anywhere, since it only ever removes what no row names; and against
//! uploads and deployments under way, since a file must be old, and nobody may have
//! named it at two looks with some time between.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use wharf_core::{Error, Result, digest::Digest};

use crate::App;

/// Files that were stored more recently are left alone.
const OLD: Duration = Duration::from_secs(24 * 3_600);
/// Blocks whose list does not come within this time after the newest of them are
/// discarded, as Azure does: learn.microsoft.com/rest/api/storageservices/put-block
const BLOCKS_WAIT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// From the start to the first sweep: clients that wait for a start come first.
const FIRST: Duration = Duration::from_secs(60);
/// From the first look to the second: longer than any request takes to pin a file
/// that it looked up and to write that down.
const SECOND_LOOK: Duration = Duration::from_secs(600);
/// From one sweep to the next.
const BETWEEN: Duration = Duration::from_secs(6 * 3_600);
/// Most blobs, and most artifacts with waiting blocks, of one sweep.
const MOST: u32 = 10_000;

/// Sweeps soon and from time to time, until `shutdown` turns true.
pub(crate) async fn run(app: &App, mut shutdown: watch::Receiver<bool>) {
    let sweeping = async {
        tokio::time::sleep(FIRST).await;
        loop {
            if let Err(error) = sweep(app).await {
                tracing::warn!(%error, "what nothing names could not be swept");
            }
            tokio::time::sleep(BETWEEN).await;
        }
    };
    tokio::select! {
        () = sweeping => {}
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
}

async fn sweep(app: &App) -> Result<()> {
    blocks(app).await?;
    let seen = unnamed_blobs(app).await?;
    if seen.is_empty() {
        return Ok(());
    }
    tokio::time::sleep(SECOND_LOOK).await;
    let freed = remove_unnamed(app, seen).await?;
    tracing::info!(blobs = freed, "blobs that nothing names were removed");
    Ok(())
}

fn before(app: &App, age: Duration) -> Timestamp {
    let before = app.now().checked_sub(age);
    before.unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Forgets blocks that wait for too long, and removes the files of those that no row
/// names. A block's file is named once, right after it appears, or never; so one
/// look is enough.
pub(crate) async fn blocks(app: &App) -> Result<()> {
    let too_long = before(app, BLOCKS_WAIT);
    let mut session = app.store().read().await?;
    let waiting = session.artifacts_with_blocks_before(too_long, MOST);
    let waiting = waiting.await?.len();
    drop(session);
    for _ in 0..waiting {
        // Asked again: the next block may have come meanwhile.
        let forget = app.store().write::<_, Error, _>(move |txn| {
            Box::pin(async move {
                let waiting = txn.artifacts_with_blocks_before(too_long, 1).await?;
                match waiting.first() {
                    Some(artifact) => Ok(txn.blocks_forget(artifact).await?),
                    None => Ok(Vec::new()),
                }
            })
        });
        let files = forget.await?;
        app.remove_blocks(files).await;
    }
    let old = app.inner.blobs.older_blocks(before(app, OLD)).await?;
    let unnamed = app.store().read().await?.block_files_unnamed(old).await?;
    app.remove_blocks(unnamed).await;
    Ok(())
}

/// Old blobs that nothing names now.
pub(crate) async fn unnamed_blobs(app: &App) -> Result<Vec<Digest>> {
    let old = before(app, OLD);
    let mut unnamed = Vec::new();
    for first in 0..=u8::MAX {
        let blobs = app.inner.blobs.older_blobs(first, old).await?;
        unnamed.extend(app.store().read().await?.blobs_unnamed(blobs).await?);
        if unnamed.len() >= MOST as usize {
            break;
        }
    }
    Ok(unnamed)
}

/// Removes those of `seen` that nothing names still; how many went.
pub(crate) async fn remove_unnamed(app: &App, seen: Vec<Digest>) -> Result<usize> {
    let old = before(app, OLD);
    let unnamed = app.store().read().await?.blobs_unnamed(seen).await?;
    let mut freed = 0;
    for digest in unnamed {
        freed += usize::from(app.inner.blobs.remove_older(digest, old).await?);
    }
    Ok(freed)
}
