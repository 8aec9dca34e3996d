//! The audit log: JSON lines in files that are only added to.
//!
//! One task writes; entries that wait together are synced together, and nobody is
//! answered before. Reading goes from the newest entry back, file by file, by place in
//! the file, so that a page never depends on the clock.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use wharf_core::{audit::AuditEntry, clock::Clock};

use crate::StoreError;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Most entries of one sync.
const GROUP: usize = 256;
/// Entries that wait before callers wait in turn.
const QUEUE: usize = 1_024;
/// Bytes after which another file is begun.
const FILE_BYTES: u64 = 8 << 20;
/// Bytes that are read for one page at most; the page then says where to go on.
const READ_BYTES: u64 = 64 << 20;
const ENDING: &str = ".jsonl";
/// What a probe writes and takes back: more than an entry has, so that a disk with room
/// for the one has room for the other. Without an end of line, as is a line cut off.
static PADDING: [u8; 64 << 10] = [b' '; 64 << 10];

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSettings {
    /// How long entries are kept.
    pub retention: Duration,
    /// Bytes of all files; the oldest go first. At least two files stay.
    pub most_bytes: u64,
}

impl Default for AuditSettings {
    /// 90 days, as Azure keeps its activity log; and 1 GiB.
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(90 * 86_400),
            most_bytes: 1 << 30,
        }
    }
}

struct Waiting {
    line: Vec<u8>,
    written: oneshot::Sender<Result<()>>,
}

/// The log of one data directory; cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    folder: Arc<Path>,
    lines: mpsc::Sender<Waiting>,
    /// Whether the last sync failed: then nothing should happen that cannot be recorded.
    is_broken: Arc<AtomicBool>,
}

/// A part of the log, the newest entry first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

impl AuditLog {
    /// Opens or makes the log. A line that was cut off by a crash was never answered,
    /// and is removed.
    ///
    /// # Errors
    /// When the folder or its newest file cannot be used.
    pub fn open(folder: &Path, settings: AuditSettings, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut builder = fs::DirBuilder::new();
        let failed = |error| StoreError::io(format_args!("opening {}", folder.display()), &error);
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder).map_err(failed)?;
        let newest = files(folder).map_err(failed)?.pop();
        let file = match newest {
            Some((_, path)) => Some(continue_file(&path).map_err(failed)?),
            None => None,
        };
        let (lines, queue) = mpsc::channel(QUEUE);
        let is_broken = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            folder: folder.to_owned(),
            settings,
            clock,
            file,
            is_broken: Arc::clone(&is_broken),
        };
        tokio::spawn(writer.run(queue));
        Ok(Self {
            folder: folder.into(),
            lines,
            is_broken,
        })
    }

    /// Whether the last entry could not be written.
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// Tries to make the log writable again, for example when the disk was full.
    ///
    /// # Errors
    /// When it is not.
    pub async fn probe(&self) -> Result<()> {
        self.add(Vec::new()).await
    }

    /// Adds an entry; it is on the disk when this returns.
    ///
    /// # Errors
    /// When it is not.
    pub async fn append(&self, entry: &AuditEntry) -> Result<()> {
        let mut line = serde_json::to_vec(entry)
            .map_err(|error| StoreError::Unreadable(format!("an audit entry: {error}")))?;
        line.push(b'\n');
        self.add(line).await
    }

    async fn add(&self, line: Vec<u8>) -> Result<()> {
        let closed = || StoreError::Closed("the audit log has ended".to_owned());
        let (written, answer) = oneshot::channel();
        let waiting = Waiting { line, written };
        self.lines.send(waiting).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Entries that `wants`, from the newest back; `after` is the `next` of the page
    /// before. Reads at most 64 MiB, so that a page may be short, or empty with a `next`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn page(
        &self,
        after: Option<&str>,
        most: usize,
        wants: impl Fn(&AuditEntry) -> bool + Send + 'static,
    ) -> Result<AuditPage> {
        let folder = Arc::clone(&self.folder);
        let after = after.and_then(place);
        let reading = move || {
            read_page(&folder, after, most, &wants)
                .map_err(|error| StoreError::io("reading the audit log", &error))
        };
        tokio::task::spawn_blocking(reading)
            .await
            .map_err(|error| StoreError::Io(format!("reading the audit log: {error}")))?
    }
}

/// A place in the log: the file and the bytes of it that lie before.
fn place(text: &str) -> Option<(i64, u64)> {
    let (start, offset) = text.split_once('.')?;
    Some((start.parse().ok()?, offset.parse().ok()?))
}

/// The files by their first times, the oldest first.
fn files(folder: &Path) -> io::Result<Vec<(i64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let start = name.to_str().and_then(|name| name.strip_suffix(ENDING));
        if let Some(start) = start.and_then(|start| start.parse().ok()) {
            found.push((start, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn continue_file(path: &Path) -> io::Result<(File, u64)> {
    let mut file = fs::OpenOptions::new().read(true).append(true).open(path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let length = u64::try_from(whole).unwrap_or(u64::MAX);
    if whole != text.len() {
        file.set_len(length)?;
        file.sync_all()?;
    }
    Ok((file, length))
}

fn read_page(
    folder: &Path,
    after: Option<(i64, u64)>,
    most: usize,
    wants: &dyn Fn(&AuditEntry) -> bool,
) -> io::Result<AuditPage> {
    let mut page = AuditPage::default();
    let mut read = 0;
    let newest_first = files(folder)?.into_iter().rev();
    let left = newest_first.filter(|(start, _)| after.is_none_or(|(last, _)| *start <= last));
    for (start, path) in left {
        let end = after
            .filter(|(last, _)| *last == start)
            .map(|(_, offset)| offset);
        let mut text = Vec::new();
        match File::open(&path) {
            Ok(file) => file.take(end.unwrap_or(u64::MAX)).read_to_end(&mut text)?,
            // Its time was over.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // What is written at this moment is not answered yet.
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut rest = &text[..whole];
        while let Some((before, line)) = last_line(rest) {
            rest = before;
            let Ok(entry) = serde_json::from_slice::<AuditEntry>(line) else {
                tracing::warn!(file = %path.display(), "a line of the audit log is no entry");
                continue;
            };
            if !wants(&entry) {
                continue;
            }
            page.entries.push(entry);
            if page.entries.len() >= most {
                page.next = Some(format!("{start}.{}", rest.len()));
                return Ok(page);
            }
        }
        read += u64::try_from(text.len()).unwrap_or(u64::MAX);
        if read >= READ_BYTES {
            page.next = Some(format!("{start}.0"));
            return Ok(page);
        }
    }
    Ok(page)
}

/// The last line without its end, and what stands before it.
fn last_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = text.strip_suffix(b"\n")?;
    let start = line
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    Some((&text[..start], &line[start..]))
}

struct Writer {
    folder: PathBuf,
    settings: AuditSettings,
    clock: Arc<dyn Clock>,
    file: Option<(File, u64)>,
    is_broken: Arc<AtomicBool>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut group = Vec::with_capacity(GROUP);
        while queue.recv_many(&mut group, GROUP).await > 0 {
            let text: Vec<u8> = group
                .iter()
                .flat_map(|it| it.line.iter().copied())
                .collect();
            let written = tokio::task::spawn_blocking(move || {
                let written = self.write(&text);
                (self, written)
            });
            let Ok((writer, written)) = written.await else {
                return;
            };
            self = writer;
            self.is_broken.store(written.is_err(), Ordering::Relaxed);
            if let Err(error) = &written {
                tracing::error!(%error, "entries of the audit log could not be written");
            }
            for waiting in group.drain(..) {
                // Nobody waits any more: the entry is there all the same.
                let _ = waiting.written.send(written.clone());
            }
        }
    }

    fn write(&mut self, text: &[u8]) -> Result<()> {
        let written = self.try_write(text);
        // What reached the file is unknown. If it cannot be taken back a new one is
        // begun, and what was cut off is seen as such when it is read.
        if written.is_err() && !self.take_back() {
            self.file = None;
        }
        written.map_err(|error| StoreError::io("writing the audit log", &error))
    }

    fn try_write(&mut self, text: &[u8]) -> io::Result<()> {
        let added = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let is_full = self
            .file
            .as_ref()
            .is_some_and(|(_, bytes)| *bytes >= FILE_BYTES);
        if is_full || self.file.is_none() {
            self.file = Some((self.begin()?, 0));
            self.forget()?;
        }
        let Some((file, bytes)) = &mut self.file else {
            return Ok(());
        };
        if text.is_empty() {
            file.write_all(&PADDING)?;
            file.sync_data()?;
            return file.set_len(*bytes);
        }
        file.write_all(text)?;
        file.sync_data()?;
        *bytes += added;
        Ok(())
    }

    /// Cuts the file to what was answered, and says whether that could be done.
    fn take_back(&self) -> bool {
        let file = self.file.as_ref();
        file.is_some_and(|(file, bytes)| file.set_len(*bytes).is_ok())
    }

    /// Files are named by the time of their beginning, and never by one that is not
    /// later than that of the file before. One that holds nothing is used.
    fn begin(&self) -> io::Result<File> {
        let newest = files(&self.folder)?.pop();
        if let Some((_, path)) = &newest
            && fs::metadata(path)?.len() == 0
        {
            return fs::OpenOptions::new().append(true).open(path);
        }
        let last = newest.map_or(0, |(start, _)| start);
        let start = self.clock.now().as_microsecond().max(last + 1);
        let file = fs::OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(self.folder.join(format!("{start:020}{ENDING}")))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(file)
    }

    /// Removes what is too old or too much. A file is too old when the one after it is.
    fn forget(&self) -> io::Result<()> {
        let files = files(&self.folder)?;
        let retention = i64::try_from(self.settings.retention.as_micros()).unwrap_or(i64::MAX);
        let oldest = self.clock.now().as_microsecond().saturating_sub(retention);
        let mut bytes = 0;
        for (_, path) in &files {
            bytes += fs::metadata(path)?.len();
        }
        for pair in files.windows(2).take(files.len().saturating_sub(2)) {
            let ((_, path), (next, _)) = (&pair[0], &pair[1]);
            if bytes <= self.settings.most_bytes && *next >= oldest {
                break;
            }
            bytes = bytes.saturating_sub(fs::metadata(path)?.len());
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;
    use wharf_core::clock::SystemClock;

    use super::*;

    fn open(folder: &Path) -> AuditLog {
        let settings = AuditSettings::default();
        AuditLog::open(folder, settings, Arc::new(SystemClock)).expect("a log")
    }

    fn entry(number: u64) -> AuditEntry {
        AuditEntry {
            id: Uuid::from_u128(number.into()),
            time: Timestamp::UNIX_EPOCH,
            request: number.to_string(),
            correlation: String::new(),
            principal: None,
            name: None,
            action: "x/write".to_owned(),
            resource: "/a/b".to_owned(),
            method: "PUT".to_owned(),
            address: None,
            agent: "x".repeat(100),
            status: 200,
            code: None,
            omitted: 0,
        }
    }

    async fn all(log: &AuditLog, most: usize) -> Vec<String> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = log
                .page(after.as_deref(), most, |_| true)
                .await
                .expect("a page");
            found.extend(page.entries.into_iter().map(|entry| entry.request));
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    }

    #[tokio::test]
    async fn what_was_answered_is_read_back_the_newest_first_in_pages_of_any_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path());
        for number in 0..10 {
            log.append(&entry(number)).await.expect("written");
        }
        let expected: Vec<_> = (0..10).rev().map(|number| number.to_string()).collect();
        for most in [1, 3, 10, 11] {
            assert_eq!(all(&log, most).await, expected, "{most}");
        }
        let one = log
            .page(None, 10, |entry| entry.request == "4")
            .await
            .expect("a page");
        assert_eq!(one.entries, [entry(4)]);
    }

    #[tokio::test]
    async fn a_line_that_a_crash_cut_off_is_gone_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path());
        log.append(&entry(1)).await.expect("written");
        drop(log);
        let (_, path) = files(folder.path()).expect("files").pop().expect("a file");
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(path)
            .expect("the file");
        file.write_all(b"{\"id\": \"cut").expect("written");
        let log = open(folder.path());
        log.append(&entry(2)).await.expect("written");
        assert_eq!(all(&log, 10).await, ["2", "1"]);
    }

    #[tokio::test]
    async fn a_folder_that_takes_nothing_is_said_and_gets_better() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("audit");
        let log = open(&place);
        fs::remove_dir(&place).expect("removed");
        assert!(log.append(&entry(1)).await.is_err());
        assert!(log.is_broken());
        fs::create_dir(&place).expect("made");
        log.probe().await.expect("good again");
        assert!(!log.is_broken());
        log.append(&entry(2)).await.expect("written");
        assert_eq!(all(&log, 10).await, ["2"]);
    }

    #[tokio::test]
    async fn a_full_disk_is_not_probed_away_and_leaves_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path());
        let path = folder.path().join(format!("{:020}{ENDING}", 1));
        // Opens, and takes no byte, as a file on a full disk does.
        std::os::unix::fs::symlink("/dev/full", &path).expect("a link");
        for number in 0..3 {
            assert!(log.append(&entry(number)).await.is_err());
            assert!(log.probe().await.is_err());
            assert!(log.is_broken());
        }
        assert_eq!(files(folder.path()).expect("files").len(), 1);
        fs::remove_file(&path).expect("removed");
        log.probe().await.expect("good again");
        log.append(&entry(7)).await.expect("written");
        log.probe().await.expect("good");
        log.append(&entry(8)).await.expect("written");
        drop(log);
        let log = open(folder.path());
        assert_eq!(all(&log, 10).await, ["8", "7"]);
        assert_eq!(files(folder.path()).expect("files").len(), 1);
        let (_, path) = files(folder.path()).expect("files").pop().expect("a file");
        let text = fs::read(path).expect("text");
        assert!(!text.contains(&b' '), "a probe leaves nothing");
    }

    #[test]
    fn what_a_failed_write_left_is_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(format!("{:020}{ENDING}", 1));
        fs::write(&path, "{}\n").expect("written");
        let file = continue_file(&path).expect("the file");
        let writer = Writer {
            folder: folder.path().to_owned(),
            settings: AuditSettings::default(),
            clock: Arc::new(SystemClock),
            file: Some(file),
            is_broken: Arc::default(),
        };
        let mut torn = fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("the file");
        torn.write_all(b"{\"id").expect("written");
        assert!(writer.take_back());
        let mut writer = writer;
        writer.write(b"{} \n").expect("written");
        assert_eq!(fs::read(&path).expect("text"), b"{}\n{} \n");
    }

    #[test]
    fn the_oldest_files_go_and_two_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = Writer {
            folder: folder.path().to_owned(),
            settings: AuditSettings {
                retention: Duration::from_secs(u32::MAX.into()),
                most_bytes: 25,
            },
            clock: Arc::new(SystemClock),
            file: None,
            is_broken: Arc::default(),
        };
        let starts = || -> Vec<i64> {
            let files = files(folder.path()).expect("files").into_iter();
            files.map(|(start, _)| start).collect()
        };
        for start in 1..=5 {
            let path = folder.path().join(format!("{start:020}{ENDING}"));
            fs::write(path, "0123456789").expect("written");
        }
        writer.forget().expect("forgotten");
        assert_eq!(starts(), [4, 5]);
        let writer = Writer {
            settings: AuditSettings {
                retention: Duration::from_secs(60),
                most_bytes: u64::MAX,
            },
            ..writer
        };
        fs::write(folder.path().join(format!("{:020}{ENDING}", 6)), "").expect("written");
        writer.forget().expect("forgotten");
        assert_eq!(starts(), [5, 6]);
    }
}
