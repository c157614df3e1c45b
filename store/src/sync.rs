//! Making the store's file system durable, once for everybody who waits for it.
//!
//! A `syncfs` covers all that was written before it began, so the callers that arrive while one runs share
//! the next one.

use crate::{error::StoreError, platform};
use rustix::fd::BorrowedFd;
use std::{
    path::Path,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// Makes all that was written to a file system durable; `file` is any file or directory of it.
///
/// # Errors
/// The system's.
pub fn sync_file_system(file: &std::fs::File) -> std::io::Result<()> {
    Ok(platform::sync_file_system(file)?)
}

#[derive(Debug, Default)]
pub(crate) struct Syncer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many calls have asked.
    asked: u64,
    /// All calls up to this one are served.
    served: u64,
    running: bool,
}

impl Syncer {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is three plain values and stays right whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when all that was written before the call is durable.
    pub(crate) fn sync(&self, fd: BorrowedFd<'_>, path: &Path) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.asked += 1;
        let mine = state.asked;
        while state.served < mine {
            if state.running {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.running = true;
            let covered = state.asked;
            drop(state);
            let result = platform::sync_file_system(fd);
            state = self.lock();
            state.running = false;
            if result.is_ok() {
                state.served = state.served.max(covered);
            }
            self.changed.notify_all();
            // A failure is this caller's; the others try for themselves.
            result.map_err(|error| StoreError::io("make durable what was written to", path, error))?;
        }
        Ok(())
    }
}
