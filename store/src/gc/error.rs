//! Why a collection does not happen. It ends before anything is removed.

use crate::{error::StoreError, index::IndexError};
use nuka_pir::{BlobId, Pid, canonical::CanonicalError};

/// Why nothing was collected.
#[derive(Debug, thiserror::Error)]
pub enum GcError {
    /// What is kept cannot be followed to its end.
    #[error(
        "nothing was removed, because {keeper} keeps the object {id}, and that cannot be read ({source}): \
         `nuka store verify --repair` puts it right"
    )]
    Unreadable {
        /// The directory object.
        id: BlobId,
        /// What keeps it.
        keeper: String,
        /// What is wrong with it.
        source: StoreError,
    },
    /// The index is a new one beside older objects, and names none of them.
    #[error(
        "nothing was removed, because the index was lost and the new one does not know what the objects are: \
         `nuka store verify --rebuild-index` makes it again from them"
    )]
    LostIndex,
    /// What a kept package needs is not known.
    #[error("nothing was removed, because the PIR of the kept package {pid} cannot be read: {source}")]
    Pir {
        /// The package.
        pid: Pid,
        /// What is wrong with its PIR.
        source: CanonicalError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<IndexError> for GcError {
    fn from(error: IndexError) -> Self {
        Self::Store(error.into())
    }
}
