//! `wharf check`: whether a data directory holds what it promises. It only reads,
//! beside a server that runs or over what one left.

use std::{collections::BTreeSet, fs, path::Path};

use clap::Args;
use wharf_cli::{CliError, DataDir, HomeArgs, Printer};
use wharf_core::deployment::WorkloadKey;
use wharf_store::{
    SealKey, StoreError,
    check::{Depth, Violation, Walked, walk},
};

const EXAMPLES: &str = "\
Examples:
  wharf check
  wharf check --data-dir /var/lib/wharf --quick

Exit code 0: nothing is broken. 1: each broken rule is a line on standard output.";

/// Look whether a data directory is whole: rows, files, replicas. Changes nothing,
/// and may be run beside a server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    home: HomeArgs,

    /// Look at the sizes of uploaded files only, not at every byte
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(args: &CheckArgs, printer: &mut Printer<'_>) -> Result<u8, CliError> {
    let dir = args.home.data_dir()?;
    let depth = match args.quick {
        true => Depth::Sizes,
        false => Depth::Bytes,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("threads: {error}")))?;
    let walked = runtime.block_on(look(&dir, depth))?;
    let lines: String = walked
        .violations
        .iter()
        .map(|violation| format!("{violation}\n"))
        .collect();
    printer.data(&lines)?;
    let (rows, files) = (walked.rows, walked.files);
    let seen = format!("{rows} resources and operations, {files} files were looked at");
    match walked.violations.len() {
        0 => {
            printer.talk(&format!("{seen}; nothing is broken"));
            Ok(0)
        }
        broken => {
            printer.talk(&format!("{seen}; {broken} broken"));
            Ok(1)
        }
    }
}

async fn look(dir: &DataDir, depth: Depth) -> Result<Walked, CliError> {
    let database = dir.database();
    if !database.is_file() {
        let text = format!("there is no {}", database.display());
        return Err(CliError::failed(text)
            .with_hint("name the server's data directory with `--data-dir` or `WHARF_HOME`"));
    }
    let key = dir.keys().join("seal.key");
    let seal = fs::read(&key).ok().and_then(|bytes| bytes.try_into().ok());
    let seal: [u8; 32] = seal.ok_or_else(|| {
        CliError::failed(format!("{} is missing or has no 32 bytes", key.display()))
            .with_hint("restore the file from a backup of the data directory")
    })?;
    let said = |error: StoreError| {
        let hint = crate::error::damage_hint(&error);
        let text = CliError::failed(error.to_string());
        match hint {
            Some(hint) => text.with_hint(hint),
            None => text,
        }
    };
    let folder = dir.root().join("replicas");
    // Before the rows: a folder is made after its row, and goes before it.
    let before = workloads(&folder);
    let seal = SealKey::new(&seal).map_err(said)?;
    let blobs = dir.root().join("blobs");
    let mut walked = walk(&database, seal, &blobs, depth).await.map_err(said)?;
    let known: BTreeSet<_> = walked.deployments.iter().copied().collect();
    let after = workloads(&folder);
    for key in before.intersection(&after) {
        if !known.contains(&key.deployment) {
            walked.violations.push(Violation {
                rule: "replicas-without-deployment",
                what: folder.join(key.to_string()).display().to_string(),
            });
        }
    }
    Ok(walked)
}

/// The workloads that have a folder.
fn workloads(folder: &Path) -> BTreeSet<WorkloadKey> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
