//! Writing stored trees out again: to a directory, or as a tar.

mod directory;
mod tar;

use crate::{error::StoreError, name::TreePath};
use std::{io, path::PathBuf};

pub use directory::export_directory;
pub use tar::export_tar;

/// Why a tree cannot be written out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is something where the tree should go.
    #[error("{} exists and is not an empty directory: choose another place, or remove it", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// Writing to the stream failed.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// The entry that was being written; the root for what frames the entries.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
    /// The tree cannot be read, or the directory cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
