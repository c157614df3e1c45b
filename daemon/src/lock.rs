//! One build id is built by one process at a time: the others wait, and then find it done.

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use std::{io, path::Path, time::Duration};

/// Held while something is worked on; the kernel lets go of it if the process dies.
#[derive(Debug)]
pub struct WorkLock {
    file: fs::File,
}

/// Takes the lock called `name` in `directory`. `waiting` is called once if somebody else has it. `None` if it is
/// `called_off` before that.
pub fn take(
    directory: &Path,
    name: &str,
    waiting: impl Fn(),
    called_off: impl Fn() -> bool,
) -> io::Result<Option<WorkLock>> {
    fs::create_dir_all(directory)?;
    let path = directory.join(name);
    let mut waited = false;
    loop {
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        match flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if is_still(&file, &path)? => return Ok(Some(WorkLock { file })),
            // Whoever had it has finished and removed the file: the lock is on a file nobody else will find.
            Ok(()) => {}
            Err(rustix::io::Errno::AGAIN) => {
                if !waited {
                    waiting();
                    waited = true;
                }
                if called_off() {
                    return Ok(None);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes the lock if nobody has it.
pub fn try_take(directory: &Path, name: &str) -> io::Result<Option<WorkLock>> {
    let path = directory.join(name);
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    match flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(is_still(&file, &path)?.then_some(WorkLock { file })),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether nobody has locked this file or directory.
pub fn is_free(path: &Path) -> bool {
    alone(path).is_some()
}

/// The file or directory, locked by nobody else for as long as this lives; `None` if somebody else has locked it.
pub fn alone(path: &Path) -> Option<std::fs::File> {
    let open = std::fs::File::open(path).ok()?;
    flock(&open, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(open)
}

/// Whether a file that was opened still has this name.
pub fn is_still(file: &fs::File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let ours = file.metadata()?;
    Ok(fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())))
}

impl Drop for WorkLock {
    fn drop(&mut self) {
        // Removed while it is held, so that nobody waits for a file of a build that is long done.
        let _ = fs::remove_file(self.file.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn only_one_works_at_a_time_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let _lock = take(dir.path(), "build", || {}, || false).unwrap();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
