//! The lock under which the index is open: shared by readers, exclusive for a writer, with bounded waiting.
//!
//! Everybody first takes the queue's lock and keeps it until the index's own lock is theirs. So a writer that
//! waits keeps new readers out, and a process that writes again and again lets the others in between.

use super::damage::IndexError;
use rustix::{
    fd::OwnedFd,
    fs::{self, FlockOperation, Mode, OFlags},
    io::Errno,
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(10));

/// Where the locks are.
#[derive(Debug)]
pub(crate) struct LockFiles {
    queue: PathBuf,
    lock: PathBuf,
}

/// The lock; it is free again when this value is dropped.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: OwnedFd,
}

impl LockFiles {
    pub(crate) fn new(root: &Path) -> Self {
        Self { queue: root.join("index.queue"), lock: root.join("index.lock") }
    }

    /// Takes the lock, waiting at most `wait`.
    pub(crate) fn take(&self, exclusive: bool, wait: Duration, index: &Path) -> Result<FileLock, IndexError> {
        let started = Instant::now();
        let lock = open(&self.lock)?;
        let busy = |lock: &OwnedFd| IndexError::Busy {
            path: index.to_path_buf(),
            held_by: holder(lock),
            waited: started.elapsed(),
        };
        let queue = open(&self.queue)?;
        if !wait_for(&queue, FlockOperation::NonBlockingLockExclusive, started, wait, &self.queue)? {
            return Err(busy(&lock));
        }
        let operation = if exclusive {
            FlockOperation::NonBlockingLockExclusive
        } else {
            FlockOperation::NonBlockingLockShared
        };
        if !wait_for(&lock, operation, started, wait, &self.lock)? {
            return Err(busy(&lock));
        }
        drop(queue);
        // Who holds it is for messages alone: a failure to write it (a full disk, say) changes nothing else.
        let text = format!("{:<20}\n", rustix::process::getpid().as_raw_nonzero());
        let _ = rustix::io::pwrite(&lock, text.as_bytes(), 0);
        Ok(FileLock { _file: lock })
    }
}

fn failed(action: &'static str, path: &Path, error: Errno) -> IndexError {
    IndexError::Io { action, path: path.to_path_buf(), source: error.into() }
}

fn open(path: &Path) -> Result<OwnedFd, IndexError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::open(path, flags, Mode::from_raw_mode(0o644)).map_err(|error| failed("open the lock of", path, error))
}

fn wait_for(
    file: &OwnedFd,
    operation: FlockOperation,
    started: Instant,
    wait: Duration,
    path: &Path,
) -> Result<bool, IndexError> {
    let mut pause = PAUSES.0;
    loop {
        match fs::flock(file, operation) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            Err(error) => return Err(failed("lock", path, error)),
        }
        let left = wait.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// The process that wrote its id into the lock's file.
fn holder(lock: &OwnedFd) -> Option<u32> {
    let mut text = [0; 20];
    let count = rustix::io::pread(lock, &mut text, 0).ok()?;
    std::str::from_utf8(text.get(..count)?).ok()?.trim().parse().ok()
}
