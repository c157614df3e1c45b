//! Reading objects: the same for a [`Store`](crate::Store) and for a [`Batch`](crate::Batch), which also sees
//! what it is about to add.

use crate::{
    directory::{Directory, DirectoryError, MAX_DIRECTORY_OBJECT, decode_directory},
    error::StoreError,
};
use nuka_pir::{BlobId, Cid};
use std::{fs::File, path::PathBuf};

/// Something that has objects.
pub trait ObjectReader: Sync {
    /// Opens a blob's file for reading. Its bytes are not checked; see [`ObjectReader::read_blob`].
    ///
    /// # Errors
    /// [`StoreError::NoObject`] if it is not here.
    fn open_blob(&self, id: &BlobId) -> Result<File, StoreError>;

    /// Reads a whole blob and checks that its bytes hash to its id.
    ///
    /// # Errors
    /// [`StoreError::NoObject`] if it is not here, [`StoreError::Damaged`] if its bytes are not its own.
    fn read_blob(&self, id: &BlobId) -> Result<Vec<u8>, StoreError>;

    /// Where a blob's file is, or would be; for messages, and for those who mount or bind it.
    fn blob_path(&self, id: &BlobId) -> PathBuf;

    /// A blob's length in bytes, if it is here.
    fn blob_size(&self, id: &BlobId) -> Result<Option<u64>, StoreError>;

    /// Reads a directory object; its bytes are checked.
    ///
    /// # Errors
    /// As [`ObjectReader::read_blob`], and [`StoreError::NotADirectoryObject`].
    fn directory(&self, cid: &Cid) -> Result<Directory, StoreError> {
        let wrong = |source| StoreError::NotADirectoryObject { cid: *cid, source };
        let id = (*cid).into();
        let length = self.blob_size(&id)?.ok_or(StoreError::NoObject { id })?;
        if length > MAX_DIRECTORY_OBJECT {
            return Err(wrong(DirectoryError::TooLarge { length }));
        }
        decode_directory(&self.read_blob(&id)?).map_err(wrong)
    }
}
