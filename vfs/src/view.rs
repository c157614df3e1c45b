//! Views: a stored tree as a directory that a process can be given, by the best means that the host has.
//!
//! A view is one tree with a CID (packages' trees, put together by [`nuka_store::merge`]). There are four means
//! ([`ViewMeans`]), which [`Views::probe`] asks this host for. Three of them need something prepared, once for each CID;
//! it is kept in a cache directory:
//!
//! ```text
//! CACHE/1/overlay/pool/ab/cdef[x]   what stands for one object: an empty file of its length that says where the bytes are
//! CACHE/1/overlay/trees/CID/        the tree, of links to these
//! CACHE/1/copies/pool/ab/cdefx      executable files, which objects cannot be linked as
//! CACHE/1/copies/trees/CID/         the tree, of links to these and to objects, or copies where the store is elsewhere
//! CACHE/1/images/trees/CID/image    what is in the tree and where its bytes are, for the kernel
//! ```
//!
//! `ab/cdef` is where the object is in the store, `x` says that the file is executable. A tree is made under another
//! name and renamed when it is whole, so a kill leaves nothing half; all of it can be removed while nobody uses it, and is
//! made again. Every object is checked when a tree is prepared, and not when it is read later: damage that comes
//! afterwards is found by the store's `verify`. Hard links share their inode number and are counted in `st_nlink`.

mod error;
mod image;
mod leaves;
mod means;
mod prepare;

use crate::{integrity::Integrity, platform};
use nuka_pir::Cid;
use nuka_store::{ObjectReader, Objects};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use error::ViewError;
pub use image::Detached;
pub use means::{Answer, Unavailable, ViewMeans, choose};

/// The version of what is kept in the cache directory.
const VERSION: &str = "1";
const TREES: &str = "trees";

/// A view that a process can be given: what has to be mounted where it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Composed {
    /// An overlay of the objects below a directory of metadata, without a daemon.
    Overlay {
        /// The tree, of files that say where their bytes are.
        metadata: PathBuf,
        /// The store's directory of objects.
        objects: PathBuf,
    },
    /// A directory that has the tree, to be bound: a prepared one, or one that a mount of the store shows.
    Directory(PathBuf),
    /// A mount that was made already, by this process or by one that handed it over. It serves once.
    Mounted(Detached),
}

impl Composed {
    /// A directory with the names, kinds and symlinks of the view, which can be looked at without mounting anything.
    pub fn directory(&self) -> &Path {
        match self {
            Self::Overlay { metadata, .. } => metadata,
            Self::Directory(path) => path,
            Self::Mounted(mount) => mount.path(),
        }
    }
}

/// Composes the views of one store.
#[derive(Clone)]
pub struct Views {
    objects: Objects,
    cache: PathBuf,
    integrity: Arc<Integrity>,
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Views").field("objects", &self.objects.path()).field("cache", &self.cache).finish()
    }
}

impl Views {
    /// Views of the store that has these objects. What is prepared is kept below `cache`, which is made when it is first needed.
    pub fn new(objects: Objects, cache: impl Into<PathBuf>, integrity: Arc<Integrity>) -> Self {
        Self { objects, cache: cache.into(), integrity }
    }

    fn trees(&self, means: ViewMeans) -> Option<PathBuf> {
        let kind = match means {
            ViewMeans::Overlay => "overlay",
            ViewMeans::Prepared => "copies",
            ViewMeans::Image => "images",
            ViewMeans::Mount => return None,
        };
        Some(self.cache.join(VERSION).join(kind))
    }

    /// Asks the host for each means, the best first, by trying it. `mounted` says whether the store is mounted.
    pub fn probe(&self, mounted: bool) -> Vec<Answer> {
        let ask = |means| match means {
            ViewMeans::Overlay => means::overlay(&self.cache.join(VERSION)),
            ViewMeans::Image => means::image(&self.cache.join(VERSION)),
            ViewMeans::Prepared => platform::may_mount(),
            ViewMeans::Mount if mounted => platform::may_mount(),
            ViewMeans::Mount => Err(Unavailable::NotMounted),
        };
        ViewMeans::ALL.into_iter().map(|means| (means, ask(means))).collect()
    }

    /// Prepares the view of a tree, if that has not been done. By [`ViewMeans::Mount`] nothing need be: then a directory
    /// of the mount is the view, [`Composed::Directory`].
    ///
    /// # Errors
    /// [`ViewError::Damage`] names an object whose bytes are not its own; I/O errors; [`ViewError::NotPrepared`] for means
    /// that prepare nothing. What is there stays as it was.
    pub fn compose(&self, cid: &Cid, means: ViewMeans) -> Result<Composed, ViewError> {
        let kind = self.trees(means).ok_or(ViewError::NotPrepared { means })?;
        let tree = kind.join(TREES).join(cid.to_string());
        if !tree.is_dir() {
            let pool = kind.join("pool");
            match means {
                ViewMeans::Image => image::prepare(&self.objects, &self.integrity, cid, &tree)?,
                ViewMeans::Overlay => {
                    prepare::make_directory(&pool)?;
                    let leaves = leaves::Metadata::new(&pool)?;
                    prepare::tree(&self.objects, &self.integrity, cid, &tree, &leaves)?;
                }
                _ => {
                    prepare::make_directory(&pool)?;
                    let leaves = leaves::Copies::new(&pool, self.objects.path())?;
                    prepare::tree(&self.objects, &self.integrity, cid, &tree, &leaves)?;
                }
            }
        }
        Ok(match means {
            ViewMeans::Overlay => {
                Composed::Overlay { metadata: tree, objects: self.objects.path().to_owned() }
            }
            ViewMeans::Image => Composed::Mounted(image::mount(&tree, self.objects.path())?),
            _ => Composed::Directory(tree),
        })
    }

    /// The views that are prepared, by CID, in no order.
    ///
    /// # Errors
    /// If the cache cannot be read; a cache that is not there is empty.
    pub fn prepared(&self, means: ViewMeans) -> Result<Vec<Cid>, ViewError> {
        let Some(kind) = self.trees(means) else { return Ok(Vec::new()) };
        let place = kind.join(TREES);
        let failed = |source| ViewError::Io { action: "list", path: place.clone(), source };
        let entries = match fs_err::read_dir(&place) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let names: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
        let names = names.map_err(failed)?;
        Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
    }

    /// Removes what was prepared for a view; nobody may be using it. What it alone needed of the pool goes with
    /// [`Views::sweep`].
    ///
    /// # Errors
    /// I/O errors. Half of a view is never left under its name.
    pub fn remove(&self, cid: &Cid, means: ViewMeans) -> Result<(), ViewError> {
        let Some(kind) = self.trees(means) else { return Ok(()) };
        prepare::remove(&kind.join(TREES).join(cid.to_string()))
    }

    /// Removes what no prepared view uses from the pool, and says how many files these were.
    ///
    /// # Errors
    /// I/O errors.
    pub fn sweep(&self, means: ViewMeans) -> Result<u64, ViewError> {
        let Some(kind) = self.trees(means) else { return Ok(0) };
        prepare::remove_stale(&kind.join(TREES))?;
        leaves::sweep(&kind.join("pool"))
    }
}

/// Where an object is below the store's directory of objects.
fn object_name(objects: &dyn ObjectReader, blob: &nuka_pir::BlobId) -> PathBuf {
    let path = objects.blob_path(blob);
    let mut names = path.components().rev().map(|part| PathBuf::from(part.as_os_str()));
    match (names.next(), names.next()) {
        (Some(file), Some(shard)) => shard.join(file),
        _ => path,
    }
}
