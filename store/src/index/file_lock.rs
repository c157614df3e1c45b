//! The lock under which the index is open: shared by readers, exclusive for a writer, with bounded waiting.
//!
//! Everybody first takes the queue's lock and keeps it until the index's own lock is theirs. So a writer that
//! waits keeps new readers out, and a process that writes again and again lets the others in between.

use super::damage::IndexError;
use crate::{error::StoreError, lock_file::LockFile};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Where the locks are.
#[derive(Debug)]
pub(crate) struct LockFiles {
    queue: PathBuf,
    lock: PathBuf,
}

/// The lock; it is free again when this value is dropped.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: LockFile,
}

impl LockFiles {
    pub(crate) fn new(root: &Path) -> Self {
        Self { queue: root.join("index.queue"), lock: root.join("index.lock") }
    }

    /// Takes the lock, waiting at most `wait`.
    pub(crate) fn take(&self, exclusive: bool, wait: Duration, index: &Path) -> Result<FileLock, IndexError> {
        let started = Instant::now();
        let lock = LockFile::open(&self.lock).map_err(|error| failed(index, error))?;
        let busy = |lock: &LockFile| IndexError::Busy {
            path: index.to_path_buf(),
            held_by: lock.holder(),
            waited: started.elapsed(),
        };
        let queue = LockFile::open(&self.queue).map_err(|error| failed(index, error))?;
        if !queue.wait(true, wait).map_err(|error| failed(index, error))? {
            return Err(busy(&lock));
        }
        let left = wait.saturating_sub(started.elapsed());
        if !lock.wait(exclusive, left).map_err(|error| failed(index, error))? {
            return Err(busy(&lock));
        }
        drop(queue);
        lock.sign();
        Ok(FileLock { _file: lock })
    }
}

/// A lock that cannot be used, as an error of the index.
fn failed(index: &Path, error: StoreError) -> IndexError {
    match error {
        StoreError::Io { action, path, source } => IndexError::Io { action, path, source },
        StoreError::Index(error) => error,
        StoreError::StorageFull { path, .. } => IndexError::StorageFull { path },
        other => IndexError::Io {
            action: "lock",
            path: index.to_path_buf(),
            source: std::io::Error::other(other.to_string()),
        },
    }
}
