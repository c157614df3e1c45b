//! Hashing ids in maps and sets.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// For maps and sets whose keys are ids.
pub(crate) type IdState = BuildHasherDefault<IdHasher>;
/// A map from ids.
pub(crate) type IdMap<K, V> = HashMap<K, V, IdState>;
/// A set of ids.
pub(crate) type IdSet<K> = HashSet<K, IdState>;

/// Ids are hashes already: their first bytes serve.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}
