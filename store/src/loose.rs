//! A store's objects without its index: for who knows what it wants and only reads.

use crate::{
    error::StoreError,
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

/// The objects of a store. Nothing is locked and nothing is written: another process may own the store.
#[derive(Debug, Clone)]
pub struct Objects(Arc<ObjectDir>);

impl Objects {
    /// The objects of the store in the directory `root`.
    ///
    /// # Errors
    /// If there is no store.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(ObjectDir::open(root.join("objects"), Watch::default())?)))
    }
}

impl Objects {
    /// Where they are: blob `abcdef...` is at `ab/cdef...` in it.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl ObjectReader for Objects {
    fn open_blob(&self, id: &BlobId) -> Result<File, StoreError> {
        self.0.open_object(id)?.ok_or(StoreError::NoObject { id: *id })
    }

    fn read_blob(&self, id: &BlobId) -> Result<Vec<u8>, StoreError> {
        read_checked(self.open_blob(id)?, id, || self.blob_path(id))
    }

    fn blob_path(&self, id: &BlobId) -> PathBuf {
        self.0.path_of(id)
    }

    fn blob_size(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        self.0.size(id)
    }
}
