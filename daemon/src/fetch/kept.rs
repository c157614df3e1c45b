//! Downloads that the store has by now: their files are of no more use.

use super::net;
use crate::lock;
use fs_err as fs;
use nuka_pir::{BlobId, SourceHash};
use nuka_store::Store;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Where the index keeps which blob a hash of an ecosystem stands for.
pub(super) const KEPT: &str = "downloads";

/// Where the locks of downloads are, of which each is held by whoever fetches it.
pub(crate) fn locks(downloads: &Path) -> PathBuf {
    downloads.with_extension("locks")
}

/// The name of a download's lock; `key` is the canonical text of its hash.
pub(super) fn lock_name(key: &str) -> String {
    blake3::hash(key.as_bytes()).to_hex().to_string()
}

/// The blob of what the index has by the name of a hash.
pub(super) fn blob(value: &[u8]) -> Option<BlobId> {
    value.first_chunk().copied().map(BlobId::from_bytes)
}

/// Removes a download, and what its server said of it.
pub(super) fn remove(path: &Path) {
    let mut told = OsString::from(path);
    told.push(".told");
    // The download last: what is said of one that is gone would stay for ever.
    for path in [Path::new(&told), path] {
        // Often there is none; one that stays takes room, and no more.
        let _ = fs::remove_file(path);
    }
}

/// Removes downloads that a process was killed over just after the store had them.
pub(crate) fn remove_kept(store: &Store, downloads: &Path) {
    // Most often there is nothing, and the index need not be asked.
    if !fs::read_dir(downloads).is_ok_and(|mut entries| entries.next().is_some()) {
        return;
    }
    let Ok(known) = store.read().and_then(|index| Ok(index.values(KEPT)?)) else { return };
    for (key, blob) in known {
        let hash: Option<SourceHash> = std::str::from_utf8(&key).ok().and_then(|text| text.parse().ok());
        let (Some(hash), Some(blob)) = (hash, self::blob(&blob)) else { continue };
        let path = downloads.join(net::key(Some(&hash), None));
        if !path.exists() || !store.has(&blob).unwrap_or(false) {
            continue;
        }
        if let Ok(Some(_lock)) = lock::try_take(&locks(downloads), &lock_name(&hash.to_string())) {
            remove(&path);
        }
    }
}
