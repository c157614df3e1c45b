//! Errors of the index, and the guard that makes redb's panics on a damaged file into one of them.
//!
//! redb checks what it reads with assertions in many places. Each call into it runs in [`Guard::run`], which
//! catches the panic, keeps it from being printed, and says which file is damaged.

use crate::{error::is_full, wire::WireError};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// An error of the index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Another process has had the index for too long.
    #[error(
        "the index {} has been in use for {} s{}; wait for that to end and try again",
        path.display(), waited.as_secs(), held_by.map(|pid| format!(" by process {pid}")).unwrap_or_default()
    )]
    Busy {
        /// The index.
        path: PathBuf,
        /// The process that has it, if it said so.
        held_by: Option<u32>,
        /// How long this process waited.
        waited: Duration,
    },
    /// It was lost, and a new one begun that does not know what the objects are.
    #[error(
        "the index was lost, and the new one, {}, does not know what the objects are: \
         `nuka store verify --rebuild-index` makes it again from them", path.display()
    )]
    Lost {
        /// The index.
        path: PathBuf,
    },
    /// The file is not a sound index.
    #[error(
        "the index {} is damaged ({detail}): `nuka store verify --rebuild-index` makes it again from the objects",
        path.display()
    )]
    Damaged {
        /// The index.
        path: PathBuf,
        /// What was wrong, in redb's words.
        detail: String,
    },
    /// One record of a table cannot be read.
    #[error("the index {} is damaged: a record of its table `{table}` cannot be read: {source}", path.display())]
    Record {
        /// The index.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// What is wrong with the record.
        source: WireError,
    },
    /// A table is missing.
    #[error("the index {} has no table `{table}`", path.display())]
    NoTable {
        /// The index.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// A newer redb wrote the file.
    #[error("the index {} was written by another version of nuka: {detail}", path.display())]
    Version {
        /// The index.
        path: PathBuf,
        /// redb's words.
        detail: String,
    },
    /// There is no room to write.
    #[error("the disk is full: cannot write the index {}; free some space and try again", path.display())]
    StorageFull {
        /// The index.
        path: PathBuf,
    },
    /// An operation on the file failed.
    #[error("cannot {action} the index {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The index, or its lock.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Something was to be registered that is too large for the index.
    #[error("a value for the index {} is too large: {length} bytes", path.display())]
    TooLarge {
        /// The index.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
}

/// Calls into redb, with the file that errors are about.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    path: Arc<Path>,
    /// Whether redb panicked or met damage: what is open must not be used any more.
    spoiled: Arc<AtomicBool>,
}

impl Guard {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into(), spoiled: Arc::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `call`, which may touch nothing but redb.
    pub(crate) fn run<R, E: Into<redb::Error>>(
        &self,
        call: impl FnOnce() -> Result<R, E>,
    ) -> Result<R, IndexError> {
        match self.catch(call)? {
            Ok(value) => Ok(value),
            Err(error) => Err(self.error(error.into())),
        }
    }

    /// As [`Guard::run`], for calls that cannot fail but by a panic.
    pub(crate) fn catch<R>(&self, call: impl FnOnce() -> R) -> Result<R, IndexError> {
        crate::panics::catch(call).map_err(|message| self.damaged(message))
    }

    /// Whether redb met damage since the last time that this was asked.
    pub(crate) fn take_spoiled(&self) -> bool {
        self.spoiled.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn damaged(&self, detail: impl Into<String>) -> IndexError {
        self.spoiled.store(true, Ordering::Relaxed);
        IndexError::Damaged { path: self.path.to_path_buf(), detail: detail.into() }
    }

    pub(crate) fn record(&self, table: &'static str) -> impl FnOnce(WireError) -> IndexError {
        let path = self.path.to_path_buf();
        move |source| IndexError::Record { path, table, source }
    }

    pub(crate) fn io(&self, action: &'static str, source: std::io::Error) -> IndexError {
        let path = self.path.to_path_buf();
        if is_full(&source) {
            IndexError::StorageFull { path }
        } else {
            IndexError::Io { action, path, source }
        }
    }

    fn error(&self, error: redb::Error) -> IndexError {
        let path = self.path.to_path_buf();
        match error {
            // A file that ends too early is damage, not a fault of the disk.
            redb::Error::Io(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                self.damaged("it ends too early")
            }
            redb::Error::Io(source) if source.kind() == std::io::ErrorKind::InvalidData => {
                self.damaged(source.to_string())
            }
            redb::Error::Io(source) => self.io("use", source),
            redb::Error::TableDoesNotExist(table) => IndexError::NoTable { path, table },
            redb::Error::ValueTooLarge(length) => IndexError::TooLarge { path, length },
            error @ redb::Error::UpgradeRequired(_) => {
                IndexError::Version { path, detail: error.to_string() }
            }
            redb::Error::DatabaseAlreadyOpen => {
                IndexError::Busy { path, held_by: None, waited: Duration::ZERO }
            }
            error => self.damaged(error.to_string()),
        }
    }
}
