//! What rows name of the files: there, of the right length, with the right bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use wharf_core::digest::Digest;

use super::walk::{Depth, Walked};
use crate::{BlobStore, Session, StoreError, row::Columns as _};

type Result<T> = std::result::Result<T, StoreError>;

/// Digests that rows name, with the length that each of them says.
const NAMED: &str = "
    SELECT path AS who, json_extract(content, '$.digest') AS digest,
        json_extract(content, '$.size') AS size
    FROM artifacts WHERE content IS NOT NULL
    UNION ALL
    SELECT endpoints.name, json_extract(file.value, '$.digest'), json_extract(file.value, '$.size')
    FROM endpoints, json_tree(endpoints.spec, '$.deployments') AS file
    WHERE file.type = 'object' AND json_extract(file.value, '$.digest') IS NOT NULL
    UNION ALL
    SELECT endpoints.name, digest, NULL
    FROM endpoint_blobs JOIN endpoints ON endpoints.id = endpoint_blobs.endpoint";

pub(super) async fn walk(
    session: &mut Session,
    blobs: &BlobStore,
    depth: Depth,
    walked: &mut Walked,
) -> Result<()> {
    let mut named: BTreeMap<String, (String, BTreeSet<u64>)> = BTreeMap::new();
    for row in sqlx::query(NAMED).fetch_all(session.db()).await? {
        let size: Option<i64> = row.try_get("size")?;
        let entry = named
            .entry(row.text("digest")?)
            .or_insert_with(|| (row.text("who").unwrap_or_default(), BTreeSet::new()));
        entry
            .1
            .extend(size.and_then(|size| u64::try_from(size).ok()));
    }
    for (digest, (who, sizes)) in named {
        walked.files += 1;
        let Ok(digest) = digest.parse::<Digest>() else {
            walked.broken(
                "unreadable-row",
                format!("{who} names the digest `{digest}`"),
            );
            continue;
        };
        let path = blobs.path_of(&digest);
        match look(&path, depth) {
            Ok(seen) => {
                if sizes.iter().any(|size| *size != seen.size) {
                    walked.broken(
                        "blob-of-another-size",
                        format!("{who} needs {digest}, which has {} bytes", seen.size),
                    );
                }
                if seen.digest.is_some_and(|found| found != digest) {
                    walked.broken("blob-with-other-bytes", format!("{who} needs {digest}"));
                }
            }
            Err(error) => walked.broken("blob-missing", format!("{who} needs {digest}: {error}")),
        }
    }
    let rows = sqlx::query(
        "SELECT blocks.file, blocks.size, artifacts.path FROM blocks
         JOIN artifacts ON artifacts.id = blocks.artifact",
    )
    .fetch_all(session.db())
    .await?;
    for row in rows {
        walked.files += 1;
        let (file, who) = (row.uuid("file")?, row.text("path")?);
        match look(&blobs.block_path(&file), Depth::Sizes) {
            Ok(seen) if seen.size == row.number("size")? => {}
            Ok(seen) => walked.broken(
                "block-of-another-size",
                format!("{who}: {file} has {} bytes", seen.size),
            ),
            Err(error) => walked.broken("block-missing", format!("{who}: {file}: {error}")),
        }
    }
    Ok(())
}

struct Seen {
    size: u64,
    digest: Option<Digest>,
}

fn look(path: &Path, depth: Depth) -> io::Result<Seen> {
    if depth == Depth::Sizes {
        let size = fs::metadata(path)?.len();
        return Ok(Seen { size, digest: None });
    }
    let mut sha256 = Sha256::new();
    let mut file = fs::File::open(path)?;
    let mut chunk = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        sha256.update(&chunk[..read]);
        size += read as u64;
    }
    let digest = Some(Digest::from_bytes(sha256.finalize().into()));
    Ok(Seen { size, digest })
}
