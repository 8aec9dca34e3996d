//! The end of what replicas logged, also of what was rotated away and of replicas
//! that crashed.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
};

use super::files::{ReplicaFolder, WorkloadFolder};

/// Most bytes that are given out, over all replicas.
const MOST: u64 = 1 << 20;

/// The last `tail` lines of each replica, under a heading when there are several.
pub(super) fn tail(folder: &WorkloadFolder, tail: usize) -> io::Result<String> {
    let indices = folder.replicas()?;
    let share = MOST / (indices.len().max(1) as u64);
    let mut text = String::new();
    for index in &indices {
        if indices.len() > 1 {
            text.push_str(&format!("==> replica {index} <==\n"));
        }
        text.push_str(&replica_tail(&folder.replica(*index), tail, share)?);
    }
    Ok(text)
}

fn replica_tail(folder: &ReplicaFolder, tail: usize, most: u64) -> io::Result<String> {
    // Newest file first, until there is enough.
    let mut pieces = Vec::new();
    let mut lines = 0;
    let mut left = most;
    for path in newest_first(folder)? {
        if lines >= tail || left == 0 {
            break;
        }
        let piece = end_of(&path, left)?;
        left -= piece.len() as u64;
        lines += piece.iter().filter(|byte| **byte == b'\n').count();
        pieces.push(piece);
    }
    pieces.reverse();
    let text = String::from_utf8_lossy(&pieces.concat()).into_owned();
    let all = text.lines().collect::<Vec<_>>();
    let shown = &all[all.len().saturating_sub(tail)..];
    Ok(shown.iter().flat_map(|line| [*line, "\n"]).collect())
}

/// The log, its rotated parts by number, then what the scorer printed itself.
fn newest_first(folder: &ReplicaFolder) -> io::Result<Vec<PathBuf>> {
    let mut rotated = Vec::new();
    for entry in fs::read_dir(folder.path())? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|it| it.strip_prefix("replica.log."));
        if let Some(number) = number.and_then(|it| it.parse::<u32>().ok()) {
            rotated.push((number, entry.path()));
        }
    }
    rotated.sort_unstable();
    let mut paths = vec![folder.log()];
    paths.extend(rotated.into_iter().map(|(_, path)| path));
    paths.push(folder.output());
    Ok(paths)
}

/// The last `most` bytes of a file from the start of a line; nothing when it is
/// not there.
fn end_of(path: &PathBuf, most: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let from = size.saturating_sub(most);
    file.seek(SeekFrom::Start(from))?;
    let mut text = Vec::new();
    file.take(most).read_to_end(&mut text)?;
    if from > 0 {
        let line = text.iter().position(|byte| *byte == b'\n');
        text.drain(..line.map_or(0, |at| at + 1));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_core::deployment::WorkloadKey;

    #[test]
    fn rotated_logs_and_several_replicas_are_joined() -> Result<(), Box<dyn std::error::Error>> {
        let scratch = tempfile::tempdir()?;
        let key: WorkloadKey = "00000000000000000000000000000007-0123456789ab".parse()?;
        let folder = WorkloadFolder::new(scratch.path(), &key);
        let first = folder.replica(0);
        fs::create_dir_all(first.path())?;
        fs::write(first.output(), "loader: warning\n")?;
        fs::write(first.path().join("replica.log.2"), "a\n")?;
        fs::write(first.path().join("replica.log.1"), "b\nc\n")?;
        fs::write(first.log(), "d\ne")?;
        assert_eq!(tail(&folder, 100)?, "loader: warning\na\nb\nc\nd\ne\n");
        assert_eq!(tail(&folder, 3)?, "c\nd\ne\n");
        fs::create_dir_all(folder.replica(4).path())?;
        fs::write(folder.replica(4).log(), "x".repeat(2 << 20))?;
        let both = tail(&folder, 1)?;
        assert!(both.starts_with("==> replica 0 <==\ne\n==> replica 4 <==\n"));
        assert!(both.len() as u64 <= MOST);
        Ok(())
    }
}
