//! Listing a directory on disk with all that is below it, before any file is read.

use crate::{
    cancel::Cancel,
    error::StoreError,
    import::{
        error::{ImportError, Limit},
        options::{Extras, ImportOptions},
    },
    name::{EntryName, MAX_DEPTH, PathError, SymlinkTarget, TreePath},
    platform::NO_FOLLOW,
};
use nuka_pir::BlobId;
use rayon::prelude::*;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat},
};
use std::{
    ffi::OsStr,
    ops::Range,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Everything below a directory on disk.
pub(super) struct Scanned {
    /// The directory itself, and where it is.
    pub(super) root: PathBuf,
    pub(super) root_fd: OwnedFd,
    /// The root first, then level by level.
    pub(super) directories: Vec<Found>,
    /// Which of them are at which depth.
    pub(super) levels: Vec<Range<usize>>,
}

/// One directory on disk.
pub(super) struct Found {
    pub(super) path: TreePath,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) entries: Vec<(EntryName, Entry)>,
}

pub(super) enum Entry {
    File(FileStat),
    /// Its place among the directories.
    Directory(usize),
    Symlink(SymlinkTarget),
}

/// What the kernel says of a file, and what is known of its bytes.
#[derive(Debug, Clone)]
pub(super) struct FileStat {
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified_ns: i64,
    pub(super) changed_ns: i64,
    pub(super) executable: bool,
    pub(super) blob: Option<BlobId>,
    /// Whether the blob comes from what the index remembers.
    pub(super) recognised: bool,
}

impl FileStat {
    pub(super) fn new(stat: &Stat) -> Self {
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified_ns: nanoseconds(stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0)),
            changed_ns: nanoseconds(stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or(0)),
            executable: stat.st_mode & 0o111 != 0,
            blob: None,
            recognised: false,
        }
    }

    /// Whether a later look shows the file unchanged.
    pub(super) fn is_as(&self, later: &Self) -> bool {
        (self.inode, self.size, self.modified_ns, self.changed_ns)
            == (later.inode, later.size, later.modified_ns, later.changed_ns)
    }
}

impl Scanned {
    /// Where a path of the tree is on disk, for messages.
    pub(super) fn on_disk(&self, path: &TreePath) -> PathBuf {
        on_disk(&self.root, path)
    }

    pub(super) fn open(&self, path: &TreePath) -> Result<OwnedFd, StoreError> {
        open_below(&self.root, &self.root_fd, path)
    }
}

fn on_disk(root: &Path, path: &TreePath) -> PathBuf {
    if path.is_root() { root.to_path_buf() } else { root.join(OsStr::from_bytes(&path.to_bytes())) }
}

/// Opens a directory below the root, through no symlink.
fn open_below(root: &Path, root_fd: &OwnedFd, path: &TreePath) -> Result<OwnedFd, StoreError> {
    let bytes = if path.is_root() { b".".to_vec() } else { path.to_bytes() };
    crate::platform::open_directory_beneath(root_fd, &bytes)
        .map_err(|error| StoreError::io("open the directory", on_disk(root, path), error))
}

struct Counts<'o> {
    options: &'o ImportOptions,
    entries: AtomicU64,
    bytes: AtomicU64,
}

impl Counts<'_> {
    fn add(counter: &AtomicU64, more: u64, limit: Limit, max: u64) -> Result<(), ImportError> {
        let sum = counter.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        if sum > max { Err(ImportError::Limit { limit, max }) } else { Ok(()) }
    }

    fn entry(&self, size: u64) -> Result<(), ImportError> {
        let limits = &self.options.limits;
        Self::add(&self.entries, 1, Limit::Entries, limits.entries)?;
        Self::add(&self.bytes, size, Limit::Bytes, limits.bytes)
    }
}

pub(super) fn scan(root: &Path, options: &ImportOptions, cancel: &Cancel) -> Result<Scanned, ImportError> {
    let root_fd = fs::open(root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| StoreError::io("open the directory", root, error))?;
    let counts = Counts { options, entries: AtomicU64::new(0), bytes: AtomicU64::new(0) };
    let mut scanned =
        Scanned { root: root.to_path_buf(), root_fd, directories: Vec::new(), levels: Vec::new() };
    let mut level = vec![TreePath::root()];
    while !level.is_empty() {
        let found = level
            .into_par_iter()
            .map(|path| {
                cancel.check()?;
                list(&scanned.root, &scanned.root_fd, path, &counts)
            })
            .collect::<Result<Vec<_>, ImportError>>()?;
        let start = scanned.directories.len();
        let end = start + found.len();
        level = Vec::new();
        for (mut directory, below) in found {
            // Their places: after all of this level, in the order in which they will be listed.
            for name in below {
                let place = end + level.len();
                level.push(directory.path.join(name.clone()));
                directory.entries.push((name, Entry::Directory(place)));
            }
            scanned.directories.push(directory);
        }
        scanned.levels.push(start..end);
    }
    Ok(scanned)
}

/// Lists one directory. The names of the directories in it come apart from the rest.
fn list(
    root: &Path,
    root_fd: &OwnedFd,
    path: TreePath,
    counts: &Counts<'_>,
) -> Result<(Found, Vec<EntryName>), ImportError> {
    let fd = open_below(root, root_fd, &path)?;
    let shown = || on_disk(root, &path);
    let listing = |error| StoreError::io("list the directory", shown(), error);
    let stat = fs::fstat(&fd).map_err(listing)?;
    let mut found =
        Found { device: stat.st_dev, inode: stat.st_ino, entries: Vec::new(), path: path.clone() };
    let mut below = Vec::new();
    let mut names = Vec::new();
    for entry in Dir::read_from(&fd).map_err(listing)? {
        let entry = entry.map_err(listing)?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            let name =
                EntryName::new(name).map_err(|source| PathError::Name { path: name.to_vec(), source })?;
            names.push(name);
        }
    }
    if path.depth() >= MAX_DEPTH && !names.is_empty() {
        return Err(StoreError::TooDeep { path }.into());
    }
    for name in names {
        match entry(&fd, &name, counts).map_err(|error| error.at(|| shown().join(os(&name))))? {
            Some(entry) => found.entries.push((name, entry)),
            None => below.push(name),
        }
    }
    Ok((found, below))
}

fn os(name: &EntryName) -> &OsStr {
    OsStr::from_bytes(name.as_bytes())
}

/// What is wrong with an entry, before it is said where it is.
enum Wrong {
    Errno(rustix::io::Errno),
    Import(ImportError),
    Kind(&'static str),
    Extra(&'static str),
    Target(crate::name::TargetError),
}

impl Wrong {
    fn at(self, path: impl FnOnce() -> PathBuf) -> ImportError {
        let bytes = |path: PathBuf| path.into_os_string().as_bytes().to_vec();
        match self {
            Self::Errno(error) => StoreError::io("look at", path(), error).into(),
            Self::Import(error) => error,
            Self::Kind(kind) => ImportError::Kind { path: bytes(path()), kind },
            Self::Extra(extra) => ImportError::Extra { path: bytes(path()), extra: extra.into() },
            Self::Target(error) => ImportError::malformed(format!("{}: {error}", path().display())),
        }
    }
}

/// One entry that is not a directory; `None` for a directory.
fn entry(fd: &OwnedFd, name: &EntryName, counts: &Counts<'_>) -> Result<Option<Entry>, Wrong> {
    let stat = fs::statat(fd.as_fd(), name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW).map_err(Wrong::Errno)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let size = if kind == FileType::RegularFile { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
    counts.entry(size).map_err(Wrong::Import)?;
    Ok(Some(match kind {
        FileType::RegularFile => {
            if stat.st_mode & 0o6000 != 0 && counts.options.extras == Extras::Refuse {
                let user = stat.st_mode & 0o4000 != 0;
                return Err(Wrong::Extra(if user { "the set-user-id bit" } else { "the set-group-id bit" }));
            }
            Entry::File(FileStat::new(&stat))
        }
        FileType::Directory => return Ok(None),
        FileType::Symlink => {
            let target = fs::readlinkat(fd, name.as_bytes(), Vec::new()).map_err(Wrong::Errno)?;
            Entry::Symlink(SymlinkTarget::new(target.to_bytes()).map_err(Wrong::Target)?)
        }
        FileType::Fifo => return Err(Wrong::Kind("fifo")),
        FileType::Socket => return Err(Wrong::Kind("socket")),
        FileType::CharacterDevice => return Err(Wrong::Kind("character device")),
        FileType::BlockDevice => return Err(Wrong::Kind("block device")),
        FileType::Unknown => return Err(Wrong::Kind("file of an unknown kind")),
    }))
}

/// How files are opened for reading.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(NO_FOLLOW);
