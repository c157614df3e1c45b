//! Writing stored trees out again: to a directory, as a tar, or whole packages as a closure.

mod closure;
mod directory;
pub(crate) mod tar;

use crate::{error::StoreError, name::TreePath};
use nuka_pir::{Pid, canonical::CanonicalError};
use std::{io, path::PathBuf};

pub use closure::closure;
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
    /// A package of the closure is not here.
    #[error("the package {pid} is not realised: build or fetch it first")]
    NotRealised {
        /// The package.
        pid: Pid,
    },
    /// What a package needs cannot be told.
    #[error("the PIR of the package {pid} cannot be read: {source}")]
    Pir {
        /// The package.
        pid: Pid,
        /// What is wrong with it.
        source: CanonicalError,
    },
    /// The tree cannot be read, or the directory cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
