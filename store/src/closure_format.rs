//! A closure: packages with all that they need at run time, in one file that any tar program can look into.
//!
//! ```text
//! closure = entry("nuka-closure", "nuka closure 1\n") item* end
//! item    = entry("blobs/" id, bytes)            the blob's bytes
//!         | entry("trees/" cid, bytes)           a directory object
//!         | entry("packages/" pid, record)       a package: see `Record`; its times are 0
//! entry   = a ustar header (mode 0644, owner 0, time 0), the bytes, zeros up to the next multiple of 512;
//!           where the bytes are 8 GiB or more, a pax header with their number before it
//! end     = 1024 zeros, and nothing after them
//! ```
//!
//! An item comes once, and after all that it names: a directory after its entries' objects, a package after its trees,
//! its description and the packages that it needs. So a reader can check each item as it comes, and never knows of
//! something that is not whole. Packages are in the order of their ids as far as what they need allows, and objects in
//! the order in which a walk of their trees leaves them: the same packages give the same bytes, whoever made them.

use crate::export::tar::{BLOCK, TOO_LARGE, header, put_record};
use nuka_pir::{BlobId, Cid, Pid};

/// The first entry's name.
pub(crate) const FIRST: &str = "nuka-closure";
/// The first entry's bytes; the number is the format's version.
pub(crate) const VERSION: &[u8] = b"nuka closure 1\n";

/// What an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    First,
    Blob(BlobId),
    Tree(Cid),
    Package(Pid),
}

impl Item {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::First => FIRST.to_owned(),
            Self::Blob(id) => format!("blobs/{id}"),
            Self::Tree(cid) => format!("trees/{cid}"),
            Self::Package(pid) => format!("packages/{pid}"),
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        if name == FIRST {
            return Some(Self::First);
        }
        let (kind, id) = name.split_once('/')?;
        match kind {
            "blobs" => id.parse().ok().map(Self::Blob),
            "trees" => id.parse().ok().map(Self::Tree),
            "packages" => id.parse().ok().map(Self::Package),
            _ => None,
        }
    }

    /// All that stands before the item's bytes.
    pub(crate) fn head(&self, size: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(3 * BLOCK);
        if size >= TOO_LARGE {
            out.extend_from_slice(&size_header(size));
        }
        let shown = if size >= TOO_LARGE { 0 } else { size };
        out.extend_from_slice(&header(self.name().as_bytes(), b'0', 0o644, shown, &[]));
        out
    }
}

/// The pax header of an entry that is too large for its own header to say so.
pub(crate) fn size_header(size: u64) -> Vec<u8> {
    let mut record = Vec::new();
    put_record(&mut record, "size", size.to_string().as_bytes());
    let mut out = header(b"pax", b'x', 0o644, record.len() as u64, &[]).to_vec();
    record.resize(record.len().next_multiple_of(BLOCK), 0);
    out.append(&mut record);
    out
}
