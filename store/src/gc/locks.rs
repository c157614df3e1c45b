//! The locks between garbage collection and everybody else. What each is for is said in [`gc`](crate::gc).

use crate::{cancel::Cancel, error::StoreError, lock_file::LockFile};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How often who waits looks whether that is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// Where the locks are, and how long they are waited for.
#[derive(Debug)]
pub(crate) struct GcLocks {
    root: PathBuf,
    wait: Duration,
}

impl GcLocks {
    pub(crate) fn new(root: &Path, wait: Duration) -> Self {
        Self { root: root.to_path_buf(), wait }
    }

    /// For the end of a commit: no slice of a collection runs meanwhile.
    pub(crate) fn commit(&self) -> Result<LockFile, StoreError> {
        self.in_turn(false)
    }

    /// For one slice of a collection: no commit ends and no lease begins meanwhile.
    pub(crate) fn slice(&self) -> Result<LockFile, StoreError> {
        self.in_turn(true)
    }

    /// For the moment in which a lease is written. Without the queue: whoever waits there may wait for this lease's
    /// process, and slices are short.
    pub(crate) fn lease(&self) -> Result<LockFile, StoreError> {
        self.locked("gc.lock", false, self.wait)
    }

    /// For a batch, from the first object that it finds in the store to its end.
    pub(crate) fn finds(&self) -> Result<LockFile, StoreError> {
        self.locked("finds.lock", false, self.wait)
    }

    /// Whether no batch has found anything, and none will while the lock lives. Waits at most `wait`.
    pub(crate) fn no_finds(&self, wait: Duration) -> Result<Option<LockFile>, StoreError> {
        let lock = LockFile::open(&self.root.join("finds.lock"))?;
        Ok(lock.wait(true, wait)?.then_some(lock))
    }

    /// One collection at a time. Who waits for another one does so for as long as it takes, since that one goes on slice
    /// by slice, and may be called off; `waits` is told once, with the process that it waits for.
    pub(crate) fn turn(
        &self,
        cancel: &Cancel,
        waits: &mut dyn FnMut(Option<u32>),
    ) -> Result<LockFile, StoreError> {
        let lock = LockFile::open(&self.root.join("gc.turn"))?;
        let mut told = false;
        while !lock.wait(true, LOOK)? {
            cancel.check()?;
            if !std::mem::replace(&mut told, true) {
                waits(lock.holder());
            }
        }
        lock.sign();
        Ok(lock)
    }

    /// Stands in the queue until the lock is had, so that neither kind can starve the other.
    fn in_turn(&self, exclusive: bool) -> Result<LockFile, StoreError> {
        let started = Instant::now();
        let _queue = self.locked("gc.queue", true, self.wait)?;
        self.locked("gc.lock", exclusive, self.wait.saturating_sub(started.elapsed()))
    }

    fn locked(&self, name: &str, exclusive: bool, wait: Duration) -> Result<LockFile, StoreError> {
        let path = self.root.join(name);
        let lock = LockFile::open(&path)?;
        if lock.wait(exclusive, wait)? {
            return Ok(lock);
        }
        Err(StoreError::Busy { path, waited: wait })
    }
}
