//! Why a view is not there.

use super::ViewMeans;
use crate::integrity::Damage;
use nuka_store::StoreError;
use std::{io, path::PathBuf};

/// Why a view cannot be prepared or removed.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// A directory object is missing or damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file's object is missing or damaged.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The cache could not be written or read.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// By this means nothing is prepared.
    #[error("nothing is prepared for {means}")]
    NotPrepared {
        /// The means.
        means: ViewMeans,
    },
}
