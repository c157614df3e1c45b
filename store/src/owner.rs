//! Who may use a store: one process that owns it for as long as it lives, or any number that share it.
//!
//! `owner.lock` is locked for as long as a [`Store`](crate::Store) lives: exclusively by its owner, shared by everybody
//! else. The lock is the kernel's and belongs to the open file, so it ends with its process however that ends; a
//! program that the process starts does not inherit it, because the file is closed on exec. The file holds the owner's
//! process id as text, for messages alone.
//!
//! Everybody stands in `owner.queue` first. So who wants to own the store waits only for those that have it, not
//! for those that come later.

use crate::{error::StoreError, lock_file::LockFile};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How a process has a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ownership {
    /// Beside other processes: the index is opened for each transaction.
    #[default]
    Shared,
    /// Alone: the index stays open, and no transaction pays for opening or closing it.
    Exclusive,
}

/// The lock; it is free again when this value is dropped.
#[derive(Debug)]
pub(crate) struct OwnerLock {
    _file: LockFile,
}

impl OwnerLock {
    /// Takes the lock of the store in `root`. An owner waits at most `wait` for those that share it; what an owner
    /// has is refused at once.
    pub(crate) fn take(root: &Path, ownership: Ownership, wait: Duration) -> Result<Self, StoreError> {
        let started = Instant::now();
        let left = || wait.saturating_sub(started.elapsed());
        let lock = LockFile::open(&root.join("owner.lock"))?;
        let queue = LockFile::open(&root.join("owner.queue"))?;
        let in_use = || StoreError::InUse { root: root.to_path_buf(), waited: started.elapsed() };
        if !queue.wait(true, left())? {
            return Err(in_use());
        }
        let exclusive = ownership == Ownership::Exclusive;
        if !lock.wait(exclusive, Duration::ZERO)? {
            // Who cannot even share it meets an owner.
            if !exclusive || !lock.wait(false, Duration::ZERO)? {
                return Err(StoreError::Owned { root: root.to_path_buf(), process: lock.holder() });
            }
            // The shared lock that was just taken is given up by the first try for the other one.
            if !lock.wait(true, left())? {
                return Err(in_use());
            }
        }
        if exclusive {
            lock.sign();
        }
        Ok(Self { _file: lock })
    }
}
