//! Decoded directory objects that were used lately, by the inode numbers of their directories.
//!
//! What an inode number means never changes while the kernel knows it, so nothing here goes stale. Room is counted
//! in entries; when it is used up, the half that was used longest ago goes.

use crate::integrity::Fault;
use nuka_pir::{BlobId, Cid};
use nuka_store::{
    Directory, DirectoryError, EntryName, MAX_DIRECTORY_OBJECT, Node, ObjectReader, StoreError,
    decode_directory,
};
use std::{
    collections::HashMap,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many entries all decoded directories together may have; one takes about a hundred bytes.
const ROOM: usize = 1 << 18;

/// A decoded directory object, and what `stat` wants to know of it.
#[derive(Debug)]
pub(crate) struct Opened {
    directory: Directory,
    /// How many of its entries are directories.
    pub(crate) subdirectories: u32,
    /// As [`length_of`] its names.
    pub(crate) length: u64,
}

impl Opened {
    pub(crate) fn new(directory: Directory) -> Self {
        let is_directory = |node: &Node| matches!(node, Node::Directory { .. });
        let count = directory.entries().iter().filter(|(_, node)| is_directory(node)).count();
        let length = length_of(directory.entries().iter().map(|(name, _)| name));
        Self { subdirectories: u32::try_from(count).unwrap_or(u32::MAX), length, directory }
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }
}

/// Reads a directory object, whose bytes are checked each time: it is the fewest calls that does it.
pub(super) fn read(objects: &dyn ObjectReader, cid: &Cid) -> Result<Directory, Fault> {
    let id = BlobId::from(*cid);
    let file = objects.open_blob(&id)?;
    let length = file.metadata()?.len();
    let wrong = |source| StoreError::NotADirectoryObject { cid: *cid, source };
    if length > MAX_DIRECTORY_OBJECT {
        return Err(wrong(DirectoryError::TooLarge { length }).into());
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    let found = BlobId::of(&bytes);
    if found != id {
        return Err(Fault::Bytes { found });
    }
    Ok(decode_directory(&bytes).map_err(wrong)?)
}

/// What it takes to list these names with `.` and `..`: the lengths of their records as `getdents64` gives them.
pub(super) fn length_of<'n>(names: impl Iterator<Item = &'n EntryName>) -> u64 {
    // Inode, offset, length and kind take 19 bytes; a NUL ends the name; a record is a multiple of 8.
    let record = |name: usize| (name as u64 + 20).next_multiple_of(8);
    record(1) + record(2) + names.map(|name| record(name.as_bytes().len())).sum::<u64>()
}

#[derive(Debug, Default)]
struct Cache {
    opened: HashMap<u64, (Arc<Opened>, u64)>,
    entries: usize,
    clock: u64,
}

/// The cache.
#[derive(Debug, Default)]
pub(crate) struct Directories {
    cache: Mutex<Cache>,
}

impl Directories {
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, inode: u64) -> Option<Arc<Opened>> {
        let cache = &mut *self.cache();
        let (opened, used) = cache.opened.get_mut(&inode)?;
        cache.clock += 1;
        *used = cache.clock;
        Some(Arc::clone(opened))
    }

    pub(crate) fn put(&self, inode: u64, opened: &Arc<Opened>) {
        let cache = &mut *self.cache();
        cache.clock += 1;
        let added = opened.directory.len() + 1;
        cache.entries += added;
        if let Some((old, _)) = cache.opened.insert(inode, (Arc::clone(opened), cache.clock)) {
            cache.entries -= old.directory.len() + 1;
        }
        if cache.entries > ROOM {
            cache.halve();
        }
    }

    pub(crate) fn remove(&self, inode: u64) {
        let cache = &mut *self.cache();
        if let Some((old, _)) = cache.opened.remove(&inode) {
            cache.entries -= old.directory.len() + 1;
        }
    }
}

impl Cache {
    fn halve(&mut self) {
        let mut used: Vec<(u64, u64)> =
            self.opened.iter().map(|(inode, (_, used))| (*used, *inode)).collect();
        used.sort_unstable();
        // The last one is wanted now, however large it is.
        used.pop();
        for (_, inode) in used {
            if self.entries <= ROOM / 2 {
                break;
            }
            if let Some((old, _)) = self.opened.remove(&inode) {
                self.entries -= old.directory.len() + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuka_store::SymlinkTarget;

    fn opened(entries: usize) -> Arc<Opened> {
        let node = Node::Symlink { target: SymlinkTarget::new("x").unwrap() };
        let entry = |number| (EntryName::new(format!("{number:08}")).unwrap(), node.clone());
        Arc::new(Opened::new(Directory::new((0..entries).map(entry).collect()).unwrap()))
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let directories = Directories::default();
        let quarter = opened(ROOM / 4 - 1);
        for inode in 1..=4 {
            directories.put(inode, &quarter);
        }
        assert!(directories.get(1).is_some());
        directories.put(5, &quarter);
        assert!(directories.get(1).is_some() && directories.get(5).is_some());
        assert!(directories.get(2).is_none() && directories.get(4).is_none());
        directories.put(6, &opened(2 * ROOM));
        assert!(directories.get(6).is_some() && directories.get(5).is_none());
        directories.remove(6);
        assert_eq!(directories.cache().entries, 0);
    }

    #[test]
    fn a_length_is_that_of_the_records() {
        // 24 each for `.` and `..`, and 32 for a name of eight bytes.
        assert_eq!(opened(0).length, 48);
        assert_eq!(opened(3).length, 48 + 3 * 32);
    }
}
