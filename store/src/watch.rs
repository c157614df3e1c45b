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
    /// A temporary file has all its bytes, and is not durable yet.
    Written(&'c Path),
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
}

/// The watch, if there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(pub(crate) Option<Arc<dyn FileWatch>>);

impl Watch {
    pub(crate) fn ask(&self, change: FileChange<'_>) -> Result<(), io::Error> {
        self.0.as_ref().map_or(Ok(()), |watch| watch.before(change))
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

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.watch.ask(FileChange::IndexWrite(offset, data))?;
        self.file.write_all_at(data, offset)
    }
}
