//! Writing a tree to the cache: all of it or nothing, whenever it is cut.
//!
//! A tree is written below a temporary name, `.NAME.PROCESS-NUMBER`, whose directory is locked while its maker lives.
//! So whoever prepares next can tell what a dead process left, and removes it.

use super::{error::ViewError, leaves::Leaves, object_name};
use crate::{filesystem::EPOCH_SECONDS, integrity::Integrity};
use nuka_pir::Cid;
use nuka_store::{Node, ObjectReader, walk};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{self, CWD, FlockOperation, Mode, OFlags, Timespec, Timestamps},
    io::Errno,
};
use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Directories stay writable for their owner, so that the cache can be removed as any other; nobody sees them but
/// through a mount that is read-only.
const DIRECTORY: Mode = Mode::from_raw_mode(0o755);
/// Names that are tried for a temporary directory.
const TRIES: u32 = 1000;
const OPEN_DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What all times of a view are.
pub(super) const TIMES: Timestamps = {
    let time = Timespec { tv_sec: EPOCH_SECONDS.cast_signed(), tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
};

pub(super) fn failed(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(Errno) -> ViewError {
    let path = path.into();
    move |error| ViewError::Io { action, path, source: error.into() }
}

pub(super) fn make_directory(path: &Path) -> Result<(), ViewError> {
    fs_err::create_dir_all(path).map_err(|source| ViewError::Io {
        action: "make the directory",
        path: path.to_owned(),
        source,
    })
}

/// Writes the tree `cid` to `place`, unless somebody else is faster.
pub(super) fn tree<O: ObjectReader>(
    objects: &O,
    integrity: &Integrity,
    cid: &Cid,
    place: &Path,
    leaves: &impl Leaves,
) -> Result<(), ViewError> {
    if let Some(parent) = place.parent() {
        make_directory(parent)?;
        remove_stale(parent)?;
    }
    let temporary = Temporary::make(place)?;
    let top = fs::open(temporary.path(), OPEN_DIRECTORY, Mode::empty())
        .map_err(failed("open", temporary.path()))?;
    // The directories from the root to where the walk is: a path as a whole may be longer than the system takes.
    let mut open = vec![top];
    // Each object is looked at once, however many files have its bytes.
    let mut right = HashSet::new();
    for visit in walk(objects, cid) {
        let visit = visit?;
        let at = || place.join(OsStr::from_bytes(&visit.path.to_bytes()));
        close(&mut open, visit.path.depth()).map_err(|error| failed("write", at())(error))?;
        let (Some(directory), Some(name)) = (open.last(), visit.path.names().last()) else { continue };
        let name = OsStr::from_bytes(name.as_bytes());
        let written = match &visit.node {
            Node::Directory { .. } => subdirectory(directory, name).map(|opened| open.push(opened)),
            Node::Symlink { target } => symlink(directory, name, target.as_bytes()),
            Node::File { blob, size, executable } => {
                if !right.contains(&(*blob, *size)) {
                    integrity.check_object(objects, blob, *size)?;
                    right.insert((*blob, *size));
                }
                let key = object_name(objects, blob);
                leaves.write(
                    &super::leaves::Leaf { key, size: *size, executable: *executable },
                    directory,
                    name,
                )
            }
        };
        written.map_err(|error| failed("write", at())(error))?;
    }
    close(&mut open, 0).map_err(failed("write", place))?;
    leaves.sync().map_err(failed("sync", place))?;
    temporary.publish(place)
}

/// Closes the directories that are deeper than `depth`. Writing in them changed their times.
fn close(open: &mut Vec<OwnedFd>, depth: usize) -> Result<(), Errno> {
    while open.len() > depth
        && let Some(directory) = open.pop()
    {
        fs::futimens(&directory, &TIMES)?;
    }
    Ok(())
}

fn subdirectory(at: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    fs::mkdirat(at, name, DIRECTORY)?;
    let opened = fs::openat(at, name, OPEN_DIRECTORY, Mode::empty())?;
    // The umask does not apply.
    fs::fchmod(&opened, DIRECTORY)?;
    Ok(opened)
}

fn symlink(at: &OwnedFd, name: &OsStr, target: &[u8]) -> Result<(), Errno> {
    fs::symlinkat(target, at, name)?;
    fs::utimensat(at, name, &TIMES, fs::AtFlags::SYMLINK_NOFOLLOW)
}

/// A directory that goes away unless it is published.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    /// Kept open: the lock says that somebody is at it.
    lock: OwnedFd,
    published: bool,
}

impl Temporary {
    /// Makes one beside `place`.
    pub(super) fn make(place: &Path) -> Result<Self, ViewError> {
        let process = rustix::process::getpid().as_raw_nonzero();
        let name = place.file_name().unwrap_or(OsStr::new("view"));
        for number in 0..TRIES {
            let mut temporary = OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".{process}-{number}"));
            let path = place.with_file_name(temporary);
            match fs::mkdir(&path, DIRECTORY) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(failed("make the directory", path)(error)),
            }
            match lock(&path) {
                // Between the two calls somebody may have taken it for what is left of a dead process.
                Ok(None) | Err(Errno::NOENT) => {}
                Ok(Some(lock)) => {
                    fs::fchmod(&lock, DIRECTORY).map_err(failed("write", &path))?;
                    return Ok(Self { path, lock, published: false });
                }
                Err(error) => return Err(failed("lock", path)(error)),
            }
        }
        Err(failed("make a directory beside", place)(Errno::EXIST))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn publish(mut self, place: &Path) -> Result<(), ViewError> {
        match fs::rename(&self.path, place) {
            Ok(()) => self.published = true,
            // Somebody else was faster, with the same tree.
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(error) => return Err(failed("make", place)(error)),
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is removed by who comes next.
            let _ = fs_err::remove_dir_all(&self.path);
        }
        let _ = fs::flock(self.lock.as_fd(), FlockOperation::Unlock);
    }
}

/// Locks a directory, if nobody else has it locked and it is still there.
fn lock(path: &Path) -> Result<Option<OwnedFd>, Errno> {
    let opened = fs::open(path, OPEN_DIRECTORY, Mode::empty())?;
    match fs::flock(&opened, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error),
    }
    let (there, ours) = (fs::lstat(path)?, fs::fstat(&opened)?);
    Ok(((there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)).then_some(opened))
}

/// Removes the temporary directories of dead processes.
pub(super) fn remove_stale(parent: &Path) -> Result<(), ViewError> {
    let list = |source| ViewError::Io { action: "list", path: parent.to_owned(), source };
    let entries = match fs_err::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(list(error)),
    };
    for entry in entries {
        let entry = entry.map_err(list)?;
        if !entry.file_name().as_bytes().starts_with(b".") {
            continue;
        }
        // Somebody else may remove it at the same time.
        if let Ok(Some(_locked)) = lock(&entry.path()) {
            match fs_err::remove_dir_all(entry.path()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(ViewError::Io { action: "remove", path: entry.path(), source }),
            }
        }
    }
    Ok(())
}

/// Removes a tree: first its name, then the rest.
pub(super) fn remove(place: &Path) -> Result<(), ViewError> {
    if fs::lstat(place).is_err() {
        return Ok(());
    }
    let temporary = Temporary::make(place)?;
    match fs::renameat(CWD, place, CWD, temporary.path().join("gone")) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failed("remove", place)(error)),
    }
}
