//! Watching every change of the store's files before it happens: how a power cut and faults of a disk are tried out.
//!
//! A [`FileWatch`] is asked before each change, and can refuse it with an error, which the caller then meets as if the
//! disk had given it. Without one nothing is asked, and nothing is slower.

use std::{
    fmt::Debug,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange<'c> {
    /// Bytes are appended to a temporary file, as many as one call writes.
    Write(&'c Path),
    /// A temporary file has all its bytes, and is not durable yet.
    Written(&'c Path),
    /// The same, and it is durable.
    WrittenDurably(&'c Path),
    /// A file gets a second name.
    Link(&'c Path, &'c Path),
    /// A file gets another name.
    Rename(&'c Path, &'c Path),
    /// A file is removed.
    Remove(&'c Path),
    /// Everything becomes durable.
    SyncAll,
    /// Bytes of the index, at an offset.
    IndexWrite(u64, &'c [u8]),
    /// The index's length in bytes.
    IndexLength(u64),
    /// The index becomes durable.
    IndexSync,
}

/// Somebody who is asked before each change.
pub trait FileWatch: Debug + Send + Sync {
    /// The change is made if this is `Ok`, and fails with the error otherwise.
    fn before(&self, change: FileChange<'_>) -> io::Result<()>;

    /// How many of the bytes that a call is about to write it writes, which a file system may choose; from 1 to `length`.
    fn short(&self, length: usize) -> usize {
        length
    }
}

/// The watch, if there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(pub(crate) Option<Arc<dyn FileWatch>>);

impl Watch {
    pub(crate) fn ask(&self, change: FileChange<'_>) -> Result<(), io::Error> {
        self.0.as_ref().map_or(Ok(()), |watch| watch.before(change))
    }

    /// What one call writes of the bytes to a temporary file.
    pub(crate) fn part<'b>(
        &self,
        path: impl FnOnce() -> PathBuf,
        bytes: &'b [u8],
    ) -> Result<&'b [u8], io::Error> {
        let Some(watch) = &self.0 else { return Ok(bytes) };
        watch.before(FileChange::Write(&path()))?;
        Ok(bytes.get(..watch.short(bytes.len()).max(1)).unwrap_or(bytes))
    }

    /// Asks about a change whose paths are worth making only for somebody who looks at them.
    pub(crate) fn ask_rename(&self, paths: impl FnOnce() -> (PathBuf, PathBuf)) -> Result<(), io::Error> {
        let Some(watch) = &self.0 else { return Ok(()) };
        let (from, to) = paths();
        watch.before(FileChange::Rename(&from, &to))
    }

    /// As [`Watch::ask_rename`].
    pub(crate) fn ask_path(
        &self,
        path: impl FnOnce() -> PathBuf,
        change: for<'p> fn(&'p Path) -> FileChange<'p>,
    ) -> Result<(), io::Error> {
        self.0.as_ref().map_or(Ok(()), |watch| watch.before(change(&path())))
    }
}

/// The index's file under a watch.
#[derive(Debug)]
pub(crate) struct WatchedIndex {
    pub(crate) file: File,
    pub(crate) watch: Watch,
}

impl redb::StorageBackend for WatchedIndex {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        self.watch.ask(FileChange::IndexLength(length))?;
        self.file.set_len(length)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.watch.ask(FileChange::IndexSync)?;
        self.file.sync_data()
    }

    fn write(&self, mut offset: u64, mut data: &[u8]) -> Result<(), io::Error> {
        while !data.is_empty() {
            let count = self.watch.0.as_ref().map_or(data.len(), |watch| watch.short(data.len()).max(1));
            let (part, rest) = data.split_at_checked(count).unwrap_or((data, &[]));
            self.watch.ask(FileChange::IndexWrite(offset, part))?;
            self.file.write_all_at(part, offset)?;
            offset += part.len() as u64;
            data = rest;
        }
        Ok(())
    }
}
