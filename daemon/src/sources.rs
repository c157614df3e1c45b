//! Archives that a build has in its own tree, for the `unpack` step.

use nuka_pir::Cid;
use nuka_store::{
    EntryName, Store,
    import::{self, ImportError, ImportOptions},
};

/// Reads an archive that a build has in its tree, for its `unpack` step. The blobs are added to the store.
pub fn unpack(store: &Store, bytes: &[u8]) -> Result<Cid, ImportError> {
    let batch = store.batch();
    // Only a single file's name; archives have their own.
    let name =
        EntryName::new("archive").map_err(|error| ImportError::Malformed { detail: error.to_string() })?;
    let options = ImportOptions { strip: Some(0), ..ImportOptions::default() };
    let tree = import::import_archive(&batch, &name, std::io::Cursor::new(bytes), &options)?;
    batch.commit_objects()?;
    Ok(tree.cid)
}
