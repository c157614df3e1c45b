//! The files of prepared trees: hard links to what the pool has, so that many views share one of each.

use super::{
    error::ViewError,
    prepare::{TIMES, failed},
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{self, AtFlags, CWD, Mode, OFlags, XattrFlags},
    io::Errno,
};
use std::{
    ffi::OsStr,
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// Says that a file has no bytes of its own. Its value is empty.
pub(super) const METACOPY: &str = "user.overlay.metacopy";
/// Says where its bytes are: `/` and the path below the layer of data.
const REDIRECT: &str = "user.overlay.redirect";
const NEW: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FILE: Mode = Mode::from_raw_mode(0o444);
const EXECUTABLE: Mode = Mode::from_raw_mode(0o555);

/// A file that is to be in a tree.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Where its object is, below the directory of objects.
    pub(super) key: PathBuf,
    /// In bytes.
    pub(super) size: u64,
    pub(super) executable: bool,
}

impl Leaf {
    fn mode(&self) -> Mode {
        if self.executable { EXECUTABLE } else { FILE }
    }

    /// Where it is in the pool.
    fn pool_key(&self) -> PathBuf {
        let mut key = self.key.clone().into_os_string();
        if self.executable {
            key.push("x");
        }
        key.into()
    }
}

/// What writes the files of one kind of tree.
pub(super) trait Leaves {
    /// Writes a file under a new name in a directory.
    fn write(&self, leaf: &Leaf, at: &OwnedFd, name: &OsStr) -> Result<(), Errno>;

    /// Makes durable what must be before a tree of these files has its name.
    fn sync(&self) -> Result<(), Errno>;
}

fn open(path: &Path) -> Result<OwnedFd, ViewError> {
    fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(failed("open", path))
}

/// Makes a file in a tree with `fill`.
fn make(
    leaf: &Leaf,
    at: &OwnedFd,
    name: &OsStr,
    fill: impl FnOnce(&OwnedFd) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let file = fs::openat(at, name, NEW, Mode::from_raw_mode(0o600))?;
    fill(&file)?;
    fs::fchmod(&file, leaf.mode())?;
    fs::futimens(&file, &TIMES)
}

/// Links a file of the pool into a tree, or makes it there with `fill` and gives it to the pool.
fn shared(
    pool: &OwnedFd,
    leaf: &Leaf,
    at: &OwnedFd,
    name: &OsStr,
    fill: impl FnOnce(&OwnedFd) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let key = leaf.pool_key();
    match fs::linkat(pool, &key, at, name, AtFlags::empty()) {
        Ok(()) => return Ok(()),
        // It is not there yet, or has all the links that the filesystem allows: then this tree has one of its own.
        Err(Errno::NOENT | Errno::MLINK) => {}
        Err(error) => return Err(error),
    }
    make(leaf, at, name, fill)?;
    let give = || fs::linkat(at, name, pool, &key, AtFlags::empty());
    let given = match (give(), key.parent()) {
        (Err(Errno::NOENT), Some(shard)) => match fs::mkdirat(pool, shard, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => give(),
            Err(error) => Err(error),
        },
        (result, _) => result,
    };
    match given {
        Ok(()) | Err(Errno::EXIST | Errno::MLINK) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes where a file's bytes are.
pub(super) fn redirect(file: &OwnedFd, key: &Path) -> Result<(), Errno> {
    let mut value = b"/".to_vec();
    value.extend_from_slice(key.as_os_str().as_bytes());
    fs::fsetxattr(file, METACOPY, b"", XattrFlags::CREATE)?;
    fs::fsetxattr(file, REDIRECT, &value, XattrFlags::CREATE)
}

/// Files without bytes, for an overlay.
#[derive(Debug)]
pub(super) struct Metadata {
    pool: OwnedFd,
}

impl Metadata {
    pub(super) fn new(pool: &Path) -> Result<Self, ViewError> {
        Ok(Self { pool: open(pool)? })
    }
}

impl Leaves for Metadata {
    fn write(&self, leaf: &Leaf, at: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
        shared(&self.pool, leaf, at, name, |file| {
            fs::ftruncate(file, leaf.size)?;
            redirect(file, &leaf.key)
        })
    }

    /// There are no bytes, and names come to the disk in the order in which they were made.
    fn sync(&self) -> Result<(), Errno> {
        Ok(())
    }
}

/// Links to objects, and copies where a link would not do.
#[derive(Debug)]
pub(super) struct Copies {
    pool: OwnedFd,
    objects: OwnedFd,
    copied: AtomicBool,
}

impl Copies {
    pub(super) fn new(pool: &Path, objects: &Path) -> Result<Self, ViewError> {
        Ok(Self { pool: open(pool)?, objects: open(objects)?, copied: AtomicBool::new(false) })
    }

    fn copy(&self, leaf: &Leaf, to: &OwnedFd) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let from = fs::openat(&self.objects, &leaf.key, flags, Mode::empty())?;
        if crate::platform::reflink(to.as_fd(), from.as_fd()) {
            return Ok(());
        }
        let (mut from, mut to) =
            (std::fs::File::from(from), std::fs::File::from(to.try_clone().map_err(errno)?));
        io::copy(&mut from, &mut to).map_err(errno)?;
        Ok(())
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

impl Leaves for Copies {
    fn write(&self, leaf: &Leaf, at: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
        if leaf.executable {
            return shared(&self.pool, leaf, at, name, |file| {
                self.copy(leaf, file)?;
                // In the pool it is trusted from now on, also after a power cut.
                fs::fdatasync(file)
            });
        }
        match fs::linkat(&self.objects, &leaf.key, at, name, AtFlags::empty()) {
            // Another filesystem, another owner, or no more links.
            Err(Errno::XDEV | Errno::PERM | Errno::ACCESS | Errno::MLINK) => {
                self.copied.store(true, Ordering::Relaxed);
                make(leaf, at, name, |file| self.copy(leaf, file))
            }
            result => result,
        }
    }

    fn sync(&self) -> Result<(), Errno> {
        if self.copied.load(Ordering::Relaxed) {
            crate::platform::sync_file_system(&self.pool)
        } else {
            Ok(())
        }
    }
}

/// Removes the files of a pool that are in no tree.
pub(super) fn sweep(pool: &Path) -> Result<u64, ViewError> {
    let list = |path: &Path| {
        let failed = |source| ViewError::Io { action: "list", path: path.to_owned(), source };
        match fs_err::read_dir(path) {
            Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
        }
    };
    let mut removed = 0;
    for shard in list(pool)? {
        for file in list(&shard.path())? {
            let failed = |source| ViewError::Io { action: "remove", path: file.path(), source };
            if file.metadata().map_err(failed)?.nlink() == 1 {
                fs::unlinkat(CWD, file.path(), AtFlags::empty()).map_err(|error| failed(error.into()))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}
