//! A store whose index was lost: its objects are there, and nothing says any more what they are.
//!
//! `index.lost` is made, durably, before a new index is begun beside objects that are there already, and removed when
//! the index has been made again from them. While it is there nothing is collected: what no record of the new index
//! names may be all that there is.

use crate::{error::StoreError, objects::ObjectDir};
use std::path::{Path, PathBuf};

fn marker(root: &Path) -> PathBuf {
    root.join("index.lost")
}

/// Whether the index does not know what it should.
pub(crate) fn is_lost(root: &Path) -> bool {
    marker(root).exists()
}

/// Makes the marker if there are objects and no index.
pub(crate) fn note(root: &Path, objects: &ObjectDir) -> Result<(), StoreError> {
    if root.join("index.redb").exists() || objects.shards()?.is_empty() {
        return Ok(());
    }
    let place = marker(root);
    let failed = |error| StoreError::io("write", &place, error);
    fs_err::File::create(&place).and_then(|file| file.sync_all()).map_err(failed)?;
    fs_err::File::open(root).and_then(|directory| directory.sync_all()).map_err(failed)
}

/// The index knows again what the objects say.
pub(crate) fn found(root: &Path) -> Result<(), StoreError> {
    let place = marker(root);
    match fs_err::remove_file(&place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", place, error))
        }
        _ => Ok(()),
    }
}
