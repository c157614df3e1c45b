//! Inode numbers, and the table of those that the kernel knows.
//!
//! A number is a hash of the path (a package's also of what is in it), so it is the same after every remount and
//! means the same bytes forever. The table has 33 bytes for each inode that the kernel holds: where its node
//! stands in which directory, not the node itself. What the kernel forgets goes.

use nuka_pir::Cid;
use nuka_store::{EntryName, MAX_NAME, Tree};
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The root's number, as FUSE says.
pub(crate) const ROOT: u64 = 1;
const SHARDS: u64 = 16;
/// Numbers are positive in every type that programs keep them in.
const MASK: u64 = u64::MAX >> 1;

/// The number of the entry `name` of a directory.
pub(crate) fn number(parent: u64, name: &EntryName) -> u64 {
    mix(parent, &[name.as_bytes()])
}

/// The number of a package: another tree under the same name is another inode.
pub(crate) fn package_number(name: &EntryName, cid: &Cid) -> u64 {
    mix(ROOT, &[cid.as_bytes(), name.as_bytes()])
}

fn mix(parent: u64, parts: &[&[u8]]) -> u64 {
    // In one piece, because most are shorter than one block of the hash.
    let (mut bytes, mut length) = ([0; 8 + 32 + MAX_NAME], 0);
    for part in [parent.to_le_bytes().as_slice()].iter().chain(parts) {
        if let Some(to) = bytes.get_mut(length..length + part.len()) {
            to.copy_from_slice(part);
            length += part.len();
        }
    }
    let hash = blake3::hash(bytes.get(..length).unwrap_or_default());
    let number = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)) & MASK;
    // 0 is no inode, 1 is the root.
    number.max(ROOT + 1)
}

/// Where an inode's node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The directory that has it.
    pub(crate) parent: u64,
    /// Which of its entries it is.
    pub(crate) index: u32,
}

/// A package that the kernel knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: EntryName,
    pub(crate) tree: Tree,
}

/// What an inode is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    Package(Package),
    Entry(Place),
}

/// One row of the table.
#[derive(Debug)]
struct Row {
    parent: u64,
    /// How often the kernel was told the number, and how many rows have it as their parent.
    references: u64,
    /// `PACKAGE` for a package.
    index: u32,
}

const PACKAGE: u32 = u32::MAX;

/// The numbers are hashes already.
#[derive(Debug, Default)]
struct NoHash(u64);

impl Hasher for NoHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<NoHash>>;

/// The inodes that the kernel knows.
#[derive(Debug, Default)]
pub(crate) struct Inodes {
    rows: [Mutex<Map<Row>>; SHARDS as usize],
    packages: Mutex<Map<Package>>,
}

impl Inodes {
    fn shard(&self, inode: u64) -> MutexGuard<'_, Map<Row>> {
        let [zero, ..] = &self.rows;
        // Bits from the middle: the map looks at the highest and at the lowest.
        let shard = usize::try_from((inode >> 32) % SHARDS)
            .ok()
            .and_then(|shard| self.rows.get(shard))
            .unwrap_or(zero);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn packages(&self) -> MutexGuard<'_, Map<Package>> {
        self.packages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts that the kernel is told of a node, and says under which number: `number`, unless another node that
    /// the kernel knows has it.
    pub(crate) fn enter(&self, number: u64, place: Place) -> u64 {
        let same = |_, row: &Row| (row.parent, row.index) == (place.parent, place.index);
        let row = |_| Row { parent: place.parent, references: 1, index: place.index };
        let (inode, new) = self.claim(number, same, row);
        if new {
            self.refer(place.parent);
        }
        inode
    }

    /// As [`Inodes::enter`], for a package.
    pub(crate) fn enter_package(&self, number: u64, package: &Package) -> u64 {
        let same = |inode, row: &Row| row.index == PACKAGE && self.packages().get(&inode) == Some(package);
        let row = |inode| {
            self.packages().insert(inode, package.clone());
            Row { parent: ROOT, references: 1, index: PACKAGE }
        };
        self.claim(number, same, row).0
    }

    fn claim(
        &self,
        mut number: u64,
        same: impl Fn(u64, &Row) -> bool,
        row: impl FnOnce(u64) -> Row,
    ) -> (u64, bool) {
        loop {
            match self.shard(number).entry(number) {
                Entry::Vacant(vacant) => {
                    vacant.insert(row(number));
                    return (number, true);
                }
                Entry::Occupied(mut occupied) if same(number, occupied.get()) => {
                    let references = &mut occupied.get_mut().references;
                    *references = references.saturating_add(1);
                    return (number, false);
                }
                // Two paths with one hash, both in use.
                Entry::Occupied(_) => {}
            }
            number = mix(number, &[]);
        }
    }

    fn refer(&self, inode: u64) {
        if let Some(row) = self.shard(inode).get_mut(&inode) {
            row.references = row.references.saturating_add(1);
        }
    }

    /// What an inode is, if the kernel knows it.
    pub(crate) fn get(&self, inode: u64) -> Option<Known> {
        let place =
            self.shard(inode).get(&inode).map(|row| Place { parent: row.parent, index: row.index })?;
        if place.index == PACKAGE {
            self.packages().get(&inode).cloned().map(Known::Package)
        } else {
            Some(Known::Entry(place))
        }
    }

    /// Takes back `count` of what [`Inodes::enter`] counted. `gone` is called for each inode that leaves the table.
    pub(crate) fn forget(&self, mut inode: u64, mut count: u64, mut gone: impl FnMut(u64)) {
        // A directory goes when the kernel and the last of its entries have let go of it.
        while inode != ROOT {
            let mut shard = self.shard(inode);
            let Some(row) = shard.get_mut(&inode) else { return };
            row.references = row.references.saturating_sub(count);
            if row.references > 0 {
                return;
            }
            let (parent, index) = (row.parent, row.index);
            shard.remove(&inode);
            if shard.len() < shard.capacity() / 8 {
                let room = shard.len() * 2;
                shard.shrink_to(room);
            }
            if index == PACKAGE {
                self.packages().remove(&inode);
            }
            drop(shard);
            gone(inode);
            (inode, count) = (parent, 1);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let count = |shard: &Mutex<Map<Row>>| shard.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.rows.iter().map(count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> EntryName {
        EntryName::new(text).unwrap()
    }

    fn package(text: &str) -> Package {
        Package { name: name(text), tree: Tree { cid: Cid::from_bytes([7; 32]), size: 0, count: 0 } }
    }

    #[test]
    fn numbers_are_pinned() {
        let top = package_number(&name("zlib"), &Cid::from_bytes([7; 32]));
        assert_eq!(number(top, &name("usr")), number(top, &name("usr")));
        assert_ne!(number(top, &name("usr")), number(top, &name("etc")));
        assert_ne!(top, package_number(&name("zlib"), &Cid::from_bytes([8; 32])));
        assert_eq!((top, number(top, &name("usr"))), (862_542_987_723_526_718, 9_030_589_001_164_985_468));
    }

    #[test]
    fn what_is_forgotten_goes_and_takes_its_parents_with_it() {
        let inodes = Inodes::default();
        let top = inodes.enter_package(10, &package("zlib"));
        let usr = inodes.enter(20, Place { parent: top, index: 0 });
        let lib = inodes.enter(30, Place { parent: usr, index: 5 });
        assert_eq!(inodes.enter(30, Place { parent: usr, index: 5 }), lib);
        assert_eq!(inodes.len(), 3);
        let mut gone = Vec::new();
        inodes.forget(top, 1, |inode| gone.push(inode));
        inodes.forget(usr, 1, |inode| gone.push(inode));
        inodes.forget(lib, 1, |inode| gone.push(inode));
        assert_eq!((inodes.len(), gone.len()), (3, 0));
        assert_eq!(inodes.get(top), Some(Known::Package(package("zlib"))));
        inodes.forget(lib, 1, |inode| gone.push(inode));
        assert_eq!((inodes.len(), gone), (0, vec![lib, usr, top]));
        assert_eq!(inodes.get(top), None);
    }

    #[test]
    fn two_nodes_that_are_in_use_never_share_a_number() {
        let inodes = Inodes::default();
        let first = inodes.enter(10, Place { parent: ROOT, index: 0 });
        let second = inodes.enter(10, Place { parent: ROOT, index: 1 });
        let third = inodes.enter_package(10, &package("zlib"));
        assert!(first == 10 && second != first && third != first && third != second);
        assert_eq!(inodes.enter(10, Place { parent: ROOT, index: 1 }), second);
        assert_eq!(inodes.enter_package(10, &package("zlib")), third);
    }
}
