//! A store's objects without its index: for who knows what it wants and only reads.

use crate::{
    error::StoreError,
    gc::locks::GcLocks,
    index::{IndexOptions, RootTarget},
    lease::Lease,
    objects::{ObjectDir, read_checked},
    reader::ObjectReader,
    watch::Watch,
};
use nuka_pir::BlobId;
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The objects of a store. Nothing is locked and no object is written: another process may own the store.
#[derive(Debug, Clone)]
pub struct Objects {
    root: PathBuf,
    objects: Arc<ObjectDir>,
}

impl Objects {
    /// The objects of the store in the directory `root`.
    ///
    /// # Errors
    /// If there is no store.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let objects = Arc::new(ObjectDir::open(root.join("objects"), Watch::default())?);
        Ok(Self { root: root.to_path_buf(), objects })
    }
}

impl Objects {
    /// Where they are: blob `abcdef...` is at `ab/cdef...` in it.
    pub fn path(&self) -> &Path {
        self.objects.path()
    }

    /// Keeps these for as long as the lease, and this process, lives: as [`Store::lease`](crate::Store::lease), beside
    /// whoever owns the store.
    ///
    /// # Errors
    /// If this user may not write to the store.
    pub fn lease(&self, items: &[RootTarget]) -> Result<Lease, StoreError> {
        let locks = Arc::new(GcLocks::new(&self.root, IndexOptions::default().wait));
        Lease::take(&self.root, &locks, items)
    }
}

impl ObjectReader for Objects {
    fn open_blob(&self, id: &BlobId) -> Result<File, StoreError> {
        self.objects.open_object(id)?.ok_or(StoreError::NoObject { id: *id })
    }

    fn read_blob(&self, id: &BlobId) -> Result<Vec<u8>, StoreError> {
        read_checked(self.open_blob(id)?, id, || self.blob_path(id))
    }

    fn blob_path(&self, id: &BlobId) -> PathBuf {
        self.objects.path_of(id)
    }

    fn blob_size(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        self.objects.size(id)
    }
}
