//! Temporary files: `tmp/<process>/<batch>/<lane>-<group>/<number>`, on the file system of the objects.
//!
//! Each process has a directory of its own with a file `lock` that it keeps locked while it lives. A
//! directory whose lock is free belongs to a dead process, and whoever opens the store next removes it.
//! `tmp/lock` is held while directories are made or removed, so that a new one is never taken for a dead one.

use crate::{error::StoreError, platform::NO_FOLLOW};
use rustix::{
    fd::OwnedFd,
    fs::{self, FlockOperation, Mode, OFlags, Timespec, Timestamps},
    io::Errno,
};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// Files of one thread of a batch in one directory: more make directories that are slow to change.
const GROUP: u64 = 512;
/// Threads that write into directories of their own; two that create files in one wait for each other.
const LANES: usize = 16;

thread_local! {
    /// The lane of this thread.
    static LANE: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % LANES
    };
}

/// The temporary directory of this process.
#[derive(Debug)]
pub(crate) struct ProcessDirectory {
    path: PathBuf,
    batches: AtomicU64,
    /// Whether the umask takes bits from the mode of objects, so that it must be set again.
    masked: bool,
    _lock: OwnedFd,
}

fn open_lock(path: &Path) -> Result<OwnedFd, Errno> {
    fs::open(path, OFlags::RDWR | OFlags::CREATE | NO_FOLLOW, Mode::from_raw_mode(0o644))
}

impl ProcessDirectory {
    /// Makes a directory below `tmp` for this process.
    pub(crate) fn create(tmp: &Path) -> Result<Self, StoreError> {
        let _making = lock_all(tmp)?;
        let process = rustix::process::getpid().as_raw_nonzero();
        for number in 0_u64.. {
            let path = tmp.join(format!("{process}-{number}"));
            match fs::mkdir(&path, Mode::from_raw_mode(0o700)) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(StoreError::io("make the temporary directory", path, error)),
            }
            let lock_path = path.join("lock");
            let failed = |error| StoreError::io("lock the temporary directory", &lock_path, error);
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | NO_FOLLOW;
            let lock = fs::open(&lock_path, flags, OBJECT_MODE).map_err(failed)?;
            fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(failed)?;
            let mode = fs::fstat(&lock).map_err(failed)?.st_mode;
            let masked = Mode::from_raw_mode(mode) != OBJECT_MODE;
            return Ok(Self { path, batches: AtomicU64::new(0), masked, _lock: lock });
        }
        Err(StoreError::io("make a temporary directory in", tmp, Errno::EXIST))
    }

    /// Makes a directory for one batch.
    pub(crate) fn batch(&self) -> Result<Stage, StoreError> {
        let number = self.batches.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(number.to_string());
        let failed = |error| StoreError::io("make the temporary directory", &path, error);
        fs::mkdir(&path, Mode::from_raw_mode(0o700)).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | NO_FOLLOW;
        let dir = fs::open(&path, flags, Mode::empty()).map_err(failed)?;
        Ok(Stage { path, dir, files: Default::default(), masked: self.masked })
    }
}

impl Drop for ProcessDirectory {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one who opens the store.
        let _ = fs_err::remove_dir_all(&self.path);
    }
}

/// The mode of objects.
pub(crate) const OBJECT_MODE: Mode = Mode::from_raw_mode(0o444);

/// The temporary directory of one batch; it goes away with this value.
#[derive(Debug)]
pub(crate) struct Stage {
    path: PathBuf,
    dir: OwnedFd,
    /// How many files each lane has made.
    files: [AtomicU64; LANES],
    masked: bool,
}

/// A temporary file of a stage: its lane, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StagedFile(usize, u64);

impl StagedFile {
    pub(crate) fn name(self) -> String {
        let Self(lane, number) = self;
        format!("{lane:x}-{:x}/{number:x}", number / GROUP)
    }
}

impl Stage {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn dir(&self) -> &OwnedFd {
        &self.dir
    }

    /// The time, in nanoseconds since 1970, that the file system gives to what changes now.
    pub(crate) fn now(&self) -> Result<i64, StoreError> {
        let failed = |error| StoreError::io("touch the temporary directory", &self.path, error);
        let now = Timespec { tv_sec: 0, tv_nsec: fs::UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        fs::futimens(&self.dir, &times).map_err(failed)?;
        let stat = fs::fstat(&self.dir).map_err(failed)?;
        let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
        Ok(stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
    }

    pub(crate) fn path_of(&self, file: StagedFile) -> PathBuf {
        self.path.join(file.name())
    }

    /// Creates the next temporary file. The flag says whether it is written past the page cache.
    pub(crate) fn create(&self, direct: bool) -> Result<(StagedFile, OwnedFd, bool), StoreError> {
        let lane = LANE.with(|lane| *lane);
        let number = self.files.get(lane).map_or(0, |files| files.fetch_add(1, Ordering::Relaxed));
        let file = StagedFile(lane, number);
        let name = file.name();
        let failed = |error| StoreError::io("create the temporary file", self.path_of(file), error);
        let (fd, direct) = match crate::platform::create(&self.dir, &name, OBJECT_MODE, direct) {
            Err(Errno::NOENT) => {
                let group = name.split('/').next().unwrap_or_default();
                match fs::mkdirat(&self.dir, group, Mode::from_raw_mode(0o700)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(failed(error)),
                }
                crate::platform::create(&self.dir, &name, OBJECT_MODE, direct)
            }
            result => result,
        }
        .map_err(failed)?;
        if self.masked {
            fs::fchmod(&fd, OBJECT_MODE).map_err(failed)?;
        }
        Ok((file, fd, direct))
    }

    pub(crate) fn remove(&self, file: StagedFile) -> Result<(), StoreError> {
        fs::unlinkat(&self.dir, file.name(), fs::AtFlags::empty())
            .map_err(|error| StoreError::io("remove the temporary file", self.path_of(file), error))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed now goes with the directory of the process.
        let _ = fs_err::remove_dir_all(&self.path);
    }
}

/// Waits until nobody makes or removes process directories, and keeps others from it.
fn lock_all(tmp: &Path) -> Result<OwnedFd, StoreError> {
    let path = tmp.join("lock");
    let failed = |error| StoreError::io("lock", &path, error);
    let lock = open_lock(&path).map_err(failed)?;
    loop {
        match fs::flock(&lock, FlockOperation::LockExclusive) {
            Ok(()) => return Ok(lock),
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Removes what dead processes left below `tmp`. Returns how many directories that were.
pub(crate) fn remove_stale(tmp: &Path) -> Result<usize, StoreError> {
    let failed = |error| StoreError::io("look into the temporary directory", tmp, error);
    let mut stale = Vec::new();
    for entry in fs_err::read_dir(tmp).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name() != "lock" {
            stale.push(entry.path());
        }
    }
    if stale.is_empty() {
        return Ok(0);
    }
    let _removing = lock_all(tmp)?;
    let mut removed = 0;
    for path in stale {
        let dead = match fs::open(path.join("lock"), OFlags::RDWR | NO_FOLLOW, Mode::empty())
            .or_else(|_| fs::open(path.join("lock"), OFlags::RDONLY | NO_FOLLOW, Mode::empty()))
        {
            Ok(lock) => fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
            // No lock: its process died between making the directory and its lock.
            Err(Errno::NOENT | Errno::NOTDIR) => true,
            Err(_) => false,
        };
        if !dead {
            continue;
        }
        let is_dir = fs_err::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        let result = if is_dir { fs_err::remove_dir_all(&path) } else { fs_err::remove_file(&path) };
        match result {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("remove what a dead process left", path, error)),
        }
    }
    Ok(removed)
}
