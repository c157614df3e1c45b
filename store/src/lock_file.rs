//! Files that exist to be locked: the kernel frees the lock when the process ends, however it ends.

use crate::{error::StoreError, platform::NO_FOLLOW};
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

/// An open lock file; what it has locked is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    /// None of a store on a read-only file system that has no such file: nobody there does what it is against.
    file: Option<OwnedFd>,
}

impl LockFile {
    /// Opens the file, which is made if it is missing. Not inherited by programs that this process starts. Who may not
    /// write to it can lock it all the same.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OFlags::RDWR | OFlags::CREATE | NO_FOLLOW;
        let failed = |error: Errno| StoreError::io("open the lock", path, error);
        let file = match fs::open(path, flags, Mode::from_raw_mode(0o644)) {
            Err(why @ (Errno::ROFS | Errno::ACCESS | Errno::PERM)) => {
                match fs::open(path, OFlags::RDONLY | NO_FOLLOW, Mode::empty()) {
                    Err(Errno::NOENT) if why == Errno::ROFS => None,
                    Err(Errno::NOENT) => return Err(failed(why)),
                    file => Some(file.map_err(failed)?),
                }
            }
            file => Some(file.map_err(failed)?),
        };
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Locks the file, waiting at most `wait`. Says whether it could. A lock that this file has is changed
    /// into the other kind, and lost if that fails.
    pub(crate) fn wait(&self, exclusive: bool, wait: Duration) -> Result<bool, StoreError> {
        let operation = if exclusive {
            FlockOperation::NonBlockingLockExclusive
        } else {
            FlockOperation::NonBlockingLockShared
        };
        let Some(file) = &self.file else { return Ok(true) };
        let (started, mut pause) = (Instant::now(), PAUSES.0);
        loop {
            match fs::flock(file, operation) {
                Ok(()) => return Ok(true),
                Err(Errno::INTR) => continue,
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(StoreError::io("lock", &self.path, error)),
            }
            let left = wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Writes this process's id into the file.
    pub(crate) fn sign(&self) {
        // It is for messages alone: a failure to write it (a full disk, say) changes nothing else.
        let text = format!("{:<20}\n", rustix::process::getpid().as_raw_nonzero());
        let _ = self.file.as_ref().map(|file| rustix::io::pwrite(file, text.as_bytes(), 0));
    }

    /// The process that wrote its id into the file.
    pub(crate) fn holder(&self) -> Option<u32> {
        let mut text = [0; 20];
        let count = rustix::io::pread(self.file.as_ref()?, &mut text, 0).ok()?;
        std::str::from_utf8(text.get(..count)?).ok()?.trim().parse().ok()
    }
}
