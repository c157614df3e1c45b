//! The root's entries: the one directory that changes, in an order in which a reader keeps its place.
//!
//! An entry's offset follows from its name alone. So who reads on after packages came or went misses none that
//! stayed, and sees none twice; the kernel asks again from the offset where it stopped.

use super::{
    directories::length_of,
    inode::{Package, ROOT, number, package_number},
};
use crate::source::{Source, SourceError};
use nuka_store::Tree;
use std::sync::{Arc, Mutex, PoisonError};

/// `.` and `..` come first.
const FIRST: u64 = 3;
/// Below the largest offset, with room for [`Listing::new`] to count on.
const OFFSETS: u64 = 1 << 62;

/// One name at the root.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Where a reader is who has read this entry.
    pub(crate) offset: u64,
    /// Its inode number.
    pub(crate) number: u64,
    pub(crate) package: Package,
}

/// All names at the root at one time.
#[derive(Debug)]
pub(crate) struct Listing {
    entries: Vec<Listed>,
    version: u64,
}

impl Listing {
    fn new(source: &dyn Source) -> Result<Self, SourceError> {
        // Before the list is read: what comes in between makes the list old, not the version.
        let version = source.version();
        let listed = |(name, tree): (_, Tree)| Listed {
            offset: FIRST + number(ROOT, &name) % OFFSETS,
            number: package_number(&name, &tree.cid),
            package: Package { name, tree },
        };
        let mut entries: Vec<Listed> = source.list()?.into_iter().map(listed).collect();
        entries.sort_unstable_by(|a, b| (a.offset, &a.package.name).cmp(&(b.offset, &b.package.name)));
        let mut last = 0;
        for entry in &mut entries {
            entry.offset = entry.offset.max(last + 1);
            last = entry.offset;
        }
        Ok(Self { entries, version })
    }

    /// The entries after an offset.
    pub(crate) fn after(&self, offset: u64) -> &[Listed] {
        let start = self.entries.partition_point(|entry| entry.offset <= offset);
        self.entries.get(start..).unwrap_or_default()
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn length(&self) -> u64 {
        length_of(self.entries.iter().map(|entry| &entry.package.name))
    }

    /// Bytes and nodes of all packages.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let add = |(size, count): (u64, u64), entry: &Listed| {
            let Tree { size: more, count: nodes, .. } = entry.package.tree;
            (size.saturating_add(more), count.saturating_add(nodes).saturating_add(1))
        };
        self.entries.iter().fold((0, 1), add)
    }
}

/// The list as it was last read.
#[derive(Debug, Default)]
pub(crate) struct Root {
    last: Mutex<Option<Arc<Listing>>>,
}

impl Root {
    /// The list as it is now.
    pub(crate) fn listing(&self, source: &dyn Source) -> Result<Arc<Listing>, SourceError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = last.as_ref()
            && listing.version == source.version()
        {
            return Ok(Arc::clone(listing));
        }
        let listing = Arc::new(Listing::new(source)?);
        *last = Some(Arc::clone(&listing));
        Ok(listing)
    }
}
