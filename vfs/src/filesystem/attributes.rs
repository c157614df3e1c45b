//! What `stat` says: fixed times, no way to write, and sizes and counts as on other filesystems.

use super::listing::Listing;

/// When everything was made: 1980-01-01, the first day that a zip can hold. The seed's clock starts there too.
pub(crate) const EPOCH_SECONDS: u64 = 315_532_800;

/// Nanoseconds that every clock can count.
const NEVER: u64 = 1 << 59;

/// The kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Symlink,
}

/// What is said of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) inode: u64,
    pub(crate) kind: Kind,
    pub(crate) mode: u16,
    pub(crate) size: u64,
    pub(crate) links: u32,
    /// Nanoseconds after [`EPOCH_SECONDS`]; other than 0 only at the root, where it tells lists apart.
    pub(crate) changed: u64,
}

impl Attributes {
    pub(super) fn file(inode: u64, size: u64, executable: bool) -> Self {
        let mode = if executable { 0o555 } else { 0o444 };
        Self { inode, kind: Kind::File, mode, size, links: 1, changed: 0 }
    }

    pub(super) fn symlink(inode: u64, length: usize) -> Self {
        Self { inode, kind: Kind::Symlink, mode: 0o777, size: length as u64, links: 1, changed: 0 }
    }

    /// One link for its name, one for its `.`, and one for the `..` of each directory in it.
    pub(super) fn directory(inode: u64, subdirectories: u32, length: u64) -> Self {
        let links = subdirectories.saturating_add(2);
        Self { inode, kind: Kind::Directory, mode: 0o555, size: length, links, changed: 0 }
    }

    /// One link says that their number is not known.
    pub(super) fn unreadable_directory(inode: u64) -> Self {
        Self { inode, kind: Kind::Directory, mode: 0o555, size: 0, links: 1, changed: 0 }
    }

    pub(super) fn root(listing: &Listing) -> Self {
        let packages = u32::try_from(listing.after(0).len()).unwrap_or(u32::MAX);
        // The kernel keeps its copy of a listing for as long as this time stays.
        let changed = listing.version() % NEVER;
        Self { changed, ..Self::directory(super::ROOT, packages, listing.length()) }
    }
}
