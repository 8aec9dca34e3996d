//! Archives of strangers: checked, and unpacked without leaving their folder.
//!
//! An archive is model code like any other: hostile until proven otherwise. Only
//! plain files and folders come out of it; a link, a device or a name that leaves
//! the folder refuses the whole archive, and so does one that expands without
//! measure. Extension headers are read here and not by the `tar` crate, which
//! would take one of any length into memory.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io::{self, Read},
    rc::Rc,
};

use cap_std::fs::Dir;
use flate2::read::GzDecoder;
use tar::{EntryType, PaxExtensions};
use wharf_core::digest::Digest;

/// Most members of an archive.
pub const MOST_ENTRIES: u64 = 100_000;
/// Most bytes that an archive may hold once unpacked.
pub const MOST_BYTES: u64 = 10_000_000_000;
/// Longest path of a member, in bytes.
pub const LONGEST_PATH: usize = 1024;
/// Longest part of a path that a file system takes, in bytes.
const LONGEST_PART: usize = 255;
/// An archive may expand freely up to here, in bytes.
const FREE_BYTES: u64 = 100_000_000;
/// Beyond [`FREE_BYTES`] it may not expand more than this many times.
const MOST_RATIO: u64 = 100;
/// Longest extension header, in bytes.
const LONGEST_EXTENSION: u64 = 65_536;

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArchiveSummary {
    /// Files and folders.
    pub entries: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A member that must not be there.
    #[error("entry `{path}`: {reason}")]
    Entry {
        /// The member's name, shortened, without control characters.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Too many members.
    #[error("more than {MOST_ENTRIES} entries, at entry `{path}`")]
    TooManyEntries {
        /// The first one too many.
        path: String,
    },
    /// Too much once unpacked.
    #[error("expands to more than {MOST_BYTES} bytes")]
    TooLarge,
    /// It grows like nothing honest does.
    #[error("expands more than {MOST_RATIO} times")]
    Bomb,
    /// Not a `.tar.gz`, or one that is cut off.
    #[error("not a readable .tar.gz archive: {0}")]
    Unreadable(String),
    /// The disk, not the archive: may work later.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Reads an archive to its end and says what it holds, or why it is refused.
/// Nothing is written. Takes as long as unpacking does: use it off the async
/// threads.
///
/// # Errors
/// When the archive breaks a rule.
pub fn check_archive(reader: impl Read) -> Result<ArchiveSummary, ArchiveError> {
    walk(reader, |_, _| Ok(()))
}

/// As [`check_archive`], and tells `each` member's path and whether it is a folder.
pub(super) fn list_archive(
    reader: impl Read,
    mut each: impl FnMut(&str, bool),
) -> Result<ArchiveSummary, ArchiveError> {
    walk(reader, |member, _| {
        each(&member.path, member.is_dir);
        Ok(())
    })
}

/// Unpacks an archive into `dir`. After an error `dir` holds a part of it: the
/// caller throws it away.
///
/// # Errors
/// When the archive breaks a rule, or the disk refuses.
pub(super) fn unpack_archive(reader: impl Read, dir: &Dir) -> Result<ArchiveSummary, ArchiveError> {
    walk(reader, |member, content| {
        let failed = |source| ArchiveError::Write {
            path: printable(member.path.as_bytes()),
            source,
        };
        if member.is_dir {
            return dir.create_dir_all(&member.path).map_err(failed);
        }
        let mut file = super::files::create_file(dir, &member.path, member.is_executable).map_err(
            |source| match source.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                    refused(&member.path, "a file of that name is already there")
                }
                _ => failed(source),
            },
        )?;
        copy(content, &mut file, failed)
    })
}

/// Copies, and tells a failure to read (the archive's) from one to write (ours).
fn copy(
    from: &mut dyn Read,
    to: &mut impl io::Write,
    failed: impl Fn(io::Error) -> ArchiveError,
) -> Result<(), ArchiveError> {
    let mut buffer = vec![0; 65_536];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(ArchiveError::Unreadable(error.to_string())),
        };
        to.write_all(&buffer[..count]).map_err(&failed)?;
    }
}

struct Member {
    path: String,
    is_dir: bool,
    is_executable: bool,
}

/// Visits each member; what `visit` leaves of the content is skipped.
fn walk(
    reader: impl Read,
    mut visit: impl FnMut(&Member, &mut dyn Read) -> Result<(), ArchiveError>,
) -> Result<ArchiveSummary, ArchiveError> {
    let meter = Rc::new(Meter::default());
    let compressed = Counted {
        inner: reader,
        meter: Rc::clone(&meter),
    };
    let expanded = Limited {
        inner: GzDecoder::new(compressed),
        meter: Rc::clone(&meter),
    };
    let mut archive = tar::Archive::new(expanded);
    let result = walk_entries(&mut archive, &mut visit);
    // A limit that struck inside a reader came up as a read error.
    match meter.refusal.take() {
        Some(refusal) => Err(refusal),
        None => result,
    }
}

fn walk_entries(
    archive: &mut tar::Archive<impl Read>,
    visit: &mut impl FnMut(&Member, &mut dyn Read) -> Result<(), ArchiveError>,
) -> Result<ArchiveSummary, ArchiveError> {
    let unreadable = |error: io::Error| ArchiveError::Unreadable(error.to_string());
    let mut summary = ArchiveSummary::default();
    let mut seen = Seen::default();
    let mut headers = 0;
    let mut long_path: Option<Vec<u8>> = None;
    let mut pax_path: Option<Vec<u8>> = None;
    let mut pax_size: Option<u64> = None;
    for entry in archive.entries().map_err(unreadable)?.raw(true) {
        let mut entry = entry.map_err(unreadable)?;
        let kind = entry.header().entry_type();
        let size = entry.header().entry_size().map_err(unreadable)?;
        let name = entry.header().path_bytes().into_owned();
        headers += 1;
        if headers > 3 * MOST_ENTRIES {
            return Err(ArchiveError::TooManyEntries {
                path: printable(&name),
            });
        }
        match kind {
            EntryType::GNULongName | EntryType::XHeader | EntryType::XGlobalHeader => {
                if size > LONGEST_EXTENSION {
                    return Err(refused(&name, "its extension header is too long"));
                }
                let mut text = Vec::new();
                entry.read_to_end(&mut text).map_err(unreadable)?;
                if kind == EntryType::GNULongName {
                    text.retain(|byte| *byte != 0);
                    long_path = Some(text);
                } else {
                    let (path, size) = extensions(&name, &text)?;
                    if kind == EntryType::XHeader {
                        (pax_path, pax_size) = (path, size);
                    } else if path.is_some() || size.is_some() {
                        return Err(refused(&name, "a global header must not name files"));
                    }
                }
                continue;
            }
            _ => {}
        }
        let raw = pax_path.take().or(long_path.take()).unwrap_or(name);
        if pax_size.take().is_some_and(|said| said != size) {
            return Err(refused(&raw, "its headers disagree about its size"));
        }
        let is_dir = match kind {
            EntryType::Directory => true,
            EntryType::Regular => raw.ends_with(b"/"),
            other => return Err(refused(&raw, forbidden(other))),
        };
        summary.entries += 1;
        if summary.entries > MOST_ENTRIES {
            return Err(ArchiveError::TooManyEntries {
                path: printable(&raw),
            });
        }
        if is_dir && size > 0 {
            return Err(refused(&raw, "a folder must not have content"));
        }
        let Some(path) = clean(&raw)? else {
            continue;
        };
        if !is_dir && raw.ends_with(b"/.") {
            return Err(refused(&raw, "its name is that of a folder"));
        }
        seen.add(&path, is_dir)?;
        if size > MOST_BYTES - summary.bytes {
            return Err(ArchiveError::TooLarge);
        }
        summary.bytes += size;
        let mode = entry.header().mode().unwrap_or(0);
        let member = Member {
            path,
            is_dir,
            is_executable: mode & 0o111 != 0,
        };
        visit(&member, &mut entry)?;
        // To the end of the content, so that a cut-off archive does not pass.
        let rest = io::copy(&mut entry, &mut io::sink()).map_err(unreadable)?;
        if rest > size {
            return Err(refused(&member.path, "longer than its header says"));
        }
    }
    Ok(summary)
}

/// The path and the size that a PAX header sets.
fn extensions(name: &[u8], text: &[u8]) -> Result<(Option<Vec<u8>>, Option<u64>), ArchiveError> {
    let (mut path, mut size) = (None, None);
    for extension in PaxExtensions::new(text) {
        let extension =
            extension.map_err(|_| refused(name, "its extension header cannot be read"))?;
        let key = extension.key_bytes();
        match key {
            b"path" => path = Some(extension.value_bytes().to_vec()),
            b"size" => {
                let value = extension.value().ok().and_then(|text| text.parse().ok());
                size = Some(value.ok_or_else(|| refused(name, "its size is not a number"))?);
            }
            _ if key.starts_with(b"GNU.sparse") => {
                return Err(refused(name, forbidden(EntryType::GNUSparse)));
            }
            _ => {}
        }
    }
    Ok((path, size))
}

fn forbidden(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "symbolic links are not allowed",
        EntryType::Link | EntryType::GNULongLink => "hard links are not allowed",
        EntryType::Char | EntryType::Block => "devices are not allowed",
        EntryType::Fifo => "named pipes are not allowed",
        EntryType::GNUSparse => "sparse files are not allowed",
        _ => "only files and folders are allowed",
    }
}

/// The path without `./` and a trailing `/`; `None` for the folder itself.
fn clean(raw: &[u8]) -> Result<Option<String>, ArchiveError> {
    if raw.len() > LONGEST_PATH {
        return Err(refused(raw, "its path is longer than 1024 bytes"));
    }
    let Ok(text) = std::str::from_utf8(raw) else {
        return Err(refused(raw, "its path is not UTF-8"));
    };
    if text.starts_with('/') {
        return Err(refused(raw, "absolute paths are not allowed"));
    }
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(refused(raw, "`..` is not allowed")),
            _ if part.len() > LONGEST_PART => {
                return Err(refused(raw, "a part of its path is longer than 255 bytes"));
            }
            _ if part.contains(|c: char| c == '\\' || c.is_control()) => {
                return Err(refused(
                    raw,
                    "backslashes and control characters are not allowed",
                ));
            }
            _ => parts.push(part),
        }
    }
    match parts.is_empty() {
        true if text.is_empty() => Err(refused(raw, "it has no name")),
        true => Ok(None),
        false => Ok(Some(parts.join("/"))),
    }
}

/// Names met so far, by hash: a hundred thousand long names would be much memory.
#[derive(Default)]
struct Seen(HashMap<[u8; 16], bool>);

impl Seen {
    fn add(&mut self, path: &str, is_dir: bool) -> Result<(), ArchiveError> {
        for (end, _) in path.match_indices('/') {
            if !*self.0.entry(key(&path[..end])).or_insert(true) {
                return Err(refused(path, "it lies in what is a file"));
            }
        }
        match self.0.insert(key(path), is_dir) {
            Some(true) if is_dir => Ok(()),
            Some(_) => Err(refused(path, "it is there twice")),
            None => Ok(()),
        }
    }
}

fn key(path: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Digest::of(path.as_bytes()).as_bytes()[..16]);
    short
}

fn refused(path: impl AsRef<[u8]>, reason: &str) -> ArchiveError {
    ArchiveError::Entry {
        path: printable(path.as_ref()),
        reason: reason.to_owned(),
    }
}

/// A name as it can stand in a message: short, without control characters.
fn printable(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let shown = text.chars().take(200);
    shown
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Bytes that went in and came out.
#[derive(Default)]
struct Meter {
    compressed: Cell<u64>,
    expanded: Cell<u64>,
    refusal: RefCell<Option<ArchiveError>>,
}

struct Counted<R> {
    inner: R,
    meter: Rc<Meter>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let meter = &self.meter.compressed;
        meter.set(meter.get() + count as u64);
        Ok(count)
    }
}

struct Limited<R> {
    inner: R,
    meter: Rc<Meter>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let expanded = self.meter.expanded.get() + count as u64;
        self.meter.expanded.set(expanded);
        // Headers and padding count too: an archive of a hundred thousand empty
        // files is fine, one of ten gigabytes of headers is not.
        let refusal = if expanded > MOST_BYTES + 3 * 512 * MOST_ENTRIES {
            ArchiveError::TooLarge
        } else if expanded > FREE_BYTES
            && expanded / MOST_RATIO > self.meter.compressed.get().max(1)
        {
            ArchiveError::Bomb
        } else {
            return Ok(count);
        };
        let error = io::Error::other(refusal.to_string());
        self.meter.refusal.replace(Some(refusal));
        Err(error)
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
