//! What can go wrong in the store, with the object, path or table that it concerns.

use crate::{directory::DirectoryError, index::IndexError, name::TreePath};
use nuka_pir::{BlobId, Cid};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An operation on a file failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb with its object: `write the object`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The file system, or this person's quota, is full.
    #[error("the disk is full: cannot {action} {}; free some space and try again", path.display())]
    StorageFull {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// An object that something names is not in the store.
    #[error("the object {id} is not in the store")]
    NoObject {
        /// The object.
        id: BlobId,
    },
    /// An object's bytes are not those that its name promises.
    #[error("the object {id} is damaged: its bytes hash to {found} ({})", path.display())]
    Damaged {
        /// The object.
        id: BlobId,
        /// What its bytes hash to.
        found: BlobId,
        /// Its file.
        path: PathBuf,
    },
    /// An object's bytes are right, and are not a directory object.
    #[error("the object {cid} is not a directory: {source}")]
    NotADirectoryObject {
        /// The object.
        cid: Cid,
        /// What is wrong with it.
        source: DirectoryError,
    },
    /// Entries that were to be stored as a directory do not make one.
    #[error("these entries make no directory: {source}")]
    InvalidDirectory {
        /// What is wrong with them.
        source: DirectoryError,
    },
    /// A directory says other totals of a directory in it than that one has.
    #[error("the directory that holds `{path}` says {said:?} (bytes, nodes) of it, but it has {got:?}")]
    Totals {
        /// Where the inner directory is.
        path: TreePath,
        /// Size in bytes and count of nodes, as the outer directory says.
        said: (u64, u64),
        /// The same as the inner directory has them.
        got: (u64, u64),
    },
    /// A file's node says another size than the blob has.
    #[error("the directory that holds `{path}` says that it has {said} bytes, but its object has {got}")]
    Size {
        /// Where the file is.
        path: TreePath,
        /// The size in bytes, as the directory says.
        said: u64,
        /// The size of the object in bytes.
        got: u64,
    },
    /// A tree is deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error(
        "the tree is too deep: depth limit {} reached at {}",
        crate::MAX_DEPTH,
        crate::name::shown_start(path)
    )]
    TooDeep {
        /// Where the limit was reached.
        path: TreePath,
    },
    /// A directory object that was to be stored is longer than one may be.
    #[error(
        "a directory has {entries} entries, which take {length} bytes (at most {})",
        crate::MAX_DIRECTORY_OBJECT
    )]
    DirectoryTooLarge {
        /// How many entries it has.
        entries: usize,
        /// How many bytes it would take.
        length: u64,
    },
    /// The directory is a store of a version that this program does not know.
    #[error("{} is a store of version `{}`, and this nuka reads version {expected}", root.display(), crate::escape(got))]
    UnknownVersion {
        /// The store's directory.
        root: PathBuf,
        /// The version that is known.
        expected: u32,
        /// What the version file says.
        got: Vec<u8>,
    },
    /// The directory holds other things and no store.
    #[error("{} is not empty and not a store: choose another directory", root.display())]
    NotAStore {
        /// The directory.
        root: PathBuf,
    },
    /// Another process owns the store: it is asked, or its work is done there.
    #[error("the store {} is owned by {}", root.display(), owner(*process))]
    Owned {
        /// The store's directory.
        root: PathBuf,
        /// The owner, if it said so.
        process: Option<u32>,
    },
    /// The store was to be owned, and others were using it for too long.
    #[error(
        "the store {} is in use by other processes and cannot be owned (waited {} s); wait for them to end and try again",
        root.display(), waited.as_secs()
    )]
    InUse {
        /// The store's directory.
        root: PathBuf,
        /// How long this process waited.
        waited: Duration,
    },
    /// Others kept a lock of the store for too long.
    #[error(
        "the store is busy: {} was held by others for {} s; wait for that to end and try again",
        path.display(), waited.as_secs()
    )]
    Busy {
        /// The lock.
        path: PathBuf,
        /// How long this process waited.
        waited: Duration,
    },
    /// Nobody wants it any more: see [`Cancel`](crate::Cancel).
    #[error("it was stopped before its end")]
    Cancelled,
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl StoreError {
    /// The error of `action` on `path`: a full disk is told apart from all else.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.as_ref().to_path_buf(), source.into());
        if is_full(&source) { Self::StorageFull { action, path } } else { Self::Io { action, path, source } }
    }

    /// Whether a full disk or quota is the cause.
    pub fn is_storage_full(&self) -> bool {
        matches!(self, Self::StorageFull { .. } | Self::Index(IndexError::StorageFull { .. }))
    }
}

impl StoreError {
    /// Whether the reason is that this process may only read.
    pub fn is_read_only(&self) -> bool {
        let source = match self {
            Self::Io { source, .. } | Self::Index(IndexError::Io { source, .. }) => source,
            _ => return false,
        };
        matches!(source.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
    }
}

fn owner(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |process| format!("process {process}"))
}

/// Whether an I/O error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
