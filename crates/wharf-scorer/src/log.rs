//! The replica's log: what scripts print, their tracebacks, and our own lines.
//!
//! Every line is written to the file at once, so a crash of a worker or of the
//! scorer loses none. The file is rotated by size: `replica.log.1` is the newest
//! of the old ones. The lines look like those of Azure's server, because people
//! search for them: `2026-11-24 04:27:16,739 I [pid] print - text`; what goes to
//! standard error is written as it is, so that tracebacks stay readable.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Longest line, in bytes; a longer one is cut into several.
const LONGEST_LINE: usize = 64 << 10;

/// The log of one replica, shared by everything that writes to it.
#[derive(Clone)]
pub(crate) struct ReplicaLog {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    path: PathBuf,
    file: File,
    size: u64,
    max_bytes: u64,
    keep: u32,
}

impl ReplicaLog {
    /// Opens the log, keeping what is in it.
    pub(crate) fn open(path: &Path, max_bytes: u64, keep: u32) -> io::Result<Self> {
        let (file, size) = open(path)?;
        let inner = Inner {
            path: path.to_owned(),
            file,
            size,
            max_bytes: max_bytes.max(1024),
            keep,
        };
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
        })
    }

    /// A line of our own.
    pub(crate) fn info(&self, text: &str) {
        self.own('I', text);
    }

    /// A line of our own about something that went wrong.
    pub(crate) fn error(&self, text: &str) {
        self.own('E', text);
    }

    fn own(&self, level: char, text: &str) {
        let mut line = prefix(level, std::process::id(), "wharf").into_bytes();
        line.extend(text.bytes().map(|it| if it == b'\n' { b' ' } else { it }));
        line.push(b'\n');
        self.write(&line);
    }

    /// Writes whole lines. A log that cannot be written must not stop scoring,
    /// and there is no other place to say so.
    fn write(&self, lines: &[u8]) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = inner.write(lines);
    }

    /// Copies what a worker prints until it closes its end. With `source` every
    /// line gets a prefix.
    pub(crate) async fn follow(
        self,
        mut pipe: impl AsyncRead + Unpin,
        pid: u32,
        source: Option<&'static str>,
    ) {
        let mut rest = Vec::new();
        let mut chunk = vec![0; 16 << 10];
        loop {
            let count = match pipe.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            rest.extend_from_slice(&chunk[..count]);
            let mut out = Vec::with_capacity(rest.len() + 64);
            let done = take_lines(&rest, |line| push_line(&mut out, line, pid, source));
            rest.drain(..done);
            if !out.is_empty() {
                self.write(&out);
            }
        }
        if !rest.is_empty() {
            let mut out = Vec::new();
            push_line(&mut out, &rest, pid, source);
            self.write(&out);
        }
    }
}

/// Calls `each` with every whole line, or piece of an overlong one; returns how
/// many bytes were used.
fn take_lines(bytes: &[u8], mut each: impl FnMut(&[u8])) -> usize {
    let mut start = 0;
    loop {
        let rest = &bytes[start..];
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) if end <= LONGEST_LINE => {
                each(&rest[..end]);
                start += end + 1;
            }
            None if rest.len() < LONGEST_LINE => return start,
            Some(_) | None => {
                each(&rest[..LONGEST_LINE]);
                start += LONGEST_LINE;
            }
        }
    }
}

fn push_line(out: &mut Vec<u8>, line: &[u8], pid: u32, source: Option<&str>) {
    if let Some(source) = source {
        out.extend_from_slice(prefix('I', pid, source).as_bytes());
    }
    out.extend_from_slice(line);
    out.push(b'\n');
}

fn prefix(level: char, pid: u32, source: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "a log line says when it was written; nothing is decided by it"
    )]
    let now = jiff::Timestamp::now();
    let time = now.strftime("%Y-%m-%d %H:%M:%S");
    let millis = now.subsec_millisecond();
    format!("{time},{millis:03} {level} [{pid}] {source} - ")
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

impl Inner {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.size > 0 && self.size + lines.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        self.size += lines.len() as u64;
        self.file.write_all(lines)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..self.keep).rev() {
            // Gaps are fine: there are fewer old logs in the beginning.
            let _ = fs::rename(numbered(number), numbered(number + 1));
        }
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            fs::rename(&self.path, numbered(1))?;
        }
        (self.file, self.size) = open(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rotates_by_size_and_keeps_the_newest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("replica.log");
        let log = ReplicaLog::open(&path, 1024, 2).expect("open");
        for number in 0..100 {
            log.info(&format!("line {number}\nsecond"));
        }
        let text = fs::read_to_string(&path).expect("there");
        assert!(text.ends_with("line 99 second\n"), "{text}");
        assert!(text.len() <= 1024);
        assert!(folder.path().join("replica.log.1").exists());
        assert!(folder.path().join("replica.log.2").exists());
        assert!(!folder.path().join("replica.log.3").exists());
    }

    #[tokio::test]
    async fn keeps_an_unfinished_line_and_cuts_an_endless_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("replica.log");
        let log = ReplicaLog::open(&path, 1 << 20, 1).expect("open");
        let mut text = vec![b'x'; LONGEST_LINE + 10];
        text.extend_from_slice(b"\nlast");
        log.follow(text.as_slice(), 7, Some("print")).await;
        let text = fs::read_to_string(&path).expect("there");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{}", lines.len());
        assert!(
            lines[1].ends_with(" I [7] print - xxxxxxxxxx"),
            "{}",
            lines[1]
        );
        assert!(lines[2].ends_with(" I [7] print - last"), "{}", lines[2]);
    }
}
