//! Waiting for another process that compiles the same module.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    time::{Duration, Instant},
};

/// How often the lock is tried.
const EVERY: Duration = Duration::from_millis(100);

/// Longest wait. A process that died has given its lock back, so this is for one that hangs; after it the
/// module is compiled a second time, which harms nothing.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The lock, until it is dropped.
pub(super) struct Locked {
    _file: File,
    /// Whether somebody else had it first.
    pub(super) waited: bool,
}

/// Takes the lock at `path`. While somebody else has it, calls `waiting` with the seconds waited; when that
/// gives true there is nothing to wait for any more.
///
/// # Errors
/// The file cannot be made or locked, the wait was too long, or `waiting` gave true.
pub(super) fn wait(path: &Path, waiting: &mut dyn FnMut(u64) -> bool) -> io::Result<Locked> {
    let file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(path)?.into_parts().0;
    let begun = Instant::now();
    let mut waited = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Locked { _file: file, waited }),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        waited = true;
        if waiting(begun.elapsed().as_secs()) || begun.elapsed() > LONGEST {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        std::thread::sleep(EVERY);
    }
}
