//! Lines of operations, one file each: `MICROSECONDS TAB TEXT`.

use std::{
    fs,
    io::{self, BufRead as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use wharf_core::operation::OperationId;

use crate::{StoreError, fault::FaultPoint};

/// Longest line kept, in bytes.
const LONGEST_LINE: usize = 4_096;
/// Largest log in bytes; what comes after is dropped.
const LARGEST_LOG: u64 = 10 * 1024 * 1024;

/// The logs of one data directory; cheap to clone.
#[derive(Debug, Clone)]
pub struct OperationLogs {
    directory: Arc<Path>,
}

impl OperationLogs {
    /// Opens or makes the folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(directory)
            .map_err(|error| StoreError::io(format!("making {}", directory.display()), &error))?;
        Ok(Self {
            directory: directory.into(),
        })
    }

    fn path_of(&self, operation: OperationId) -> PathBuf {
        self.directory.join(format!("{operation}.log"))
    }

    /// Adds a line; line ends in it become spaces. A log is for people: when it
    /// cannot be written, the server's own log says so and work goes on.
    pub fn append(&self, operation: OperationId, now: Timestamp, text: &str) {
        if let Err(error) = self.try_append(operation, now, text) {
            tracing::warn!(%operation, %error, "an operation's log cannot be written");
        }
    }

    fn try_append(&self, operation: OperationId, now: Timestamp, text: &str) -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path_of(operation))?;
        if file.metadata()?.len() > LARGEST_LOG {
            return Ok(());
        }
        let mut end = text.len().min(LONGEST_LINE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text[..end].trim_end().replace(['\r', '\n'], " ");
        // One write, so that lines of several writers stay whole.
        file.write_all(format!("{}\t{text}\n", now.as_microsecond()).as_bytes())?;
        FaultPoint::LogAppended.reach();
        Ok(())
    }

    /// At most `most` lines after the first `skip`. No log yet: no lines.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(
        &self,
        operation: OperationId,
        skip: usize,
        most: usize,
    ) -> Result<Vec<(Timestamp, String)>, StoreError> {
        let path = self.path_of(operation);
        let what = |error: &io::Error| StoreError::io(format!("reading {}", path.display()), error);
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(what(&error)),
        };
        let mut lines = Vec::new();
        for line in io::BufReader::new(file).lines().skip(skip).take(most) {
            let line = line.map_err(|error| what(&error))?;
            // The last line may be half-written by a server that was killed.
            let Some((time, text)) = line.split_once('\t') else {
                continue;
            };
            let time = time
                .parse()
                .ok()
                .and_then(|time| Timestamp::from_microsecond(time).ok());
            lines.extend(time.map(|time| (time, text.to_owned())));
        }
        Ok(lines)
    }
}
