//! The ordered map from names to nodes inside a directory.
//!
//! A sorted list of shared, sorted chunks of at most [`CHUNK`] entries. Cloning copies one pointer a chunk,
//! and changing one entry copies one chunk, so a directory of ten thousand files can be changed by ten thousand
//! processes, each of which keeps its own snapshot, without copying the whole map each time.

use std::sync::Arc;

use super::{Name, Node};

/// Most entries in one chunk; a chunk that grows past it is split in two halves.
const CHUNK: usize = 64;

type Chunk = Arc<Vec<(Name, Node)>>;

/// Entries of one directory, sorted by name bytes. No chunk is ever empty.
#[derive(Clone, Default)]
pub(super) struct Entries {
    chunks: Vec<Chunk>,
    len: usize,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Index of the chunk that holds `name`, or would hold it. 0 when there are no chunks.
    fn chunk_of(&self, name: &[u8]) -> usize {
        let after =
            self.chunks.partition_point(|c| c.first().is_some_and(|(first, _)| first.as_bytes() <= name));
        after.saturating_sub(1)
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&Node> {
        let chunk = self.chunks.get(self.chunk_of(name))?;
        let at = search(chunk, name).ok()?;
        chunk.get(at).map(|(_, node)| node)
    }

    /// The node to change in place, copying its chunk if it is shared.
    pub(super) fn get_mut(&mut self, name: &[u8]) -> Option<&mut Node> {
        let index = self.chunk_of(name);
        let chunk = self.chunks.get_mut(index)?;
        let at = search(chunk, name).ok()?;
        Arc::make_mut(chunk).get_mut(at).map(|(_, node)| node)
    }

    pub(super) fn insert(&mut self, name: Name, node: Node) -> Option<Node> {
        let index = self.chunk_of(name.as_bytes());
        let Some(chunk) = self.chunks.get_mut(index) else {
            self.chunks.push(Arc::new(vec![(name, node)]));
            self.len = 1;
            return None;
        };
        let found = search(chunk, name.as_bytes());
        let chunk = Arc::make_mut(chunk);
        match found {
            Ok(at) => chunk.get_mut(at).map(|(_, old)| std::mem::replace(old, node)),
            Err(at) => {
                // Names mostly arrive in order: append to a fresh chunk rather than split a full last one.
                if chunk.len() >= CHUNK && at == chunk.len() {
                    self.chunks.insert(index + 1, Arc::new(vec![(name, node)]));
                } else {
                    chunk.insert(at, (name, node));
                    if chunk.len() > CHUNK {
                        let upper = chunk.split_off(CHUNK / 2);
                        self.chunks.insert(index + 1, Arc::new(upper));
                    }
                }
                self.len += 1;
                None
            }
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Node> {
        let index = self.chunk_of(name);
        let chunk = self.chunks.get_mut(index)?;
        let at = search(chunk, name).ok()?;
        let (_, node) = Arc::make_mut(chunk).remove(at);
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
        self.len -= 1;
        Some(node)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Node)> + Clone {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).map(|(name, node)| (name, node))
    }

    /// Entries whose names are strictly greater than `name`, in order.
    pub(super) fn after(&self, name: &[u8]) -> impl Iterator<Item = (&Name, &Node)> + Clone {
        let index = self.chunk_of(name);
        let skip = self.chunks.get(index).map_or(0, |c| c.partition_point(|(n, _)| n.as_bytes() <= name));
        self.chunks
            .iter()
            .skip(index)
            .flat_map(|chunk| chunk.iter())
            .skip(skip)
            .map(|(name, node)| (name, node))
    }

    /// The chunks, for comparing two maps that share some of them.
    pub(super) fn chunks(&self) -> &[Arc<Vec<(Name, Node)>>] {
        &self.chunks
    }
}

fn search(chunk: &[(Name, Node)], name: &[u8]) -> Result<usize, usize> {
    chunk.binary_search_by(|(n, _)| n.as_bytes().cmp(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::tree::File;

    fn node(n: u16) -> Node {
        Node::File(File::from_bytes(n.to_le_bytes().to_vec(), false))
    }

    fn value(node: &Node) -> Vec<u8> {
        node.as_file().unwrap().bytes().unwrap().to_vec()
    }

    proptest! {
        #[test]
        fn behaves_as_a_map(ops in prop::collection::vec((any::<bool>(), 0u16..400), 0..900)) {
            let mut model = BTreeMap::new();
            let mut entries = Entries::default();
            for (step, (insert, key)) in ops.into_iter().enumerate() {
                let name = Name::new(format!("{key}").as_bytes()).unwrap();
                let before = entries.clone();
                if insert {
                    let new = node(step as u16);
                    let old = entries.insert(name.clone(), new.clone());
                    prop_assert_eq!(old.map(|n| value(&n)), model.insert(name, value(&new)));
                } else {
                    let old = entries.remove(name.as_bytes());
                    prop_assert_eq!(old.map(|n| value(&n)), model.remove(&name));
                }
                prop_assert!(before.iter().count() == before.len());
            }
            prop_assert_eq!(entries.len(), model.len());
            let seen: Vec<_> = entries.iter().map(|(n, v)| (n.clone(), value(v))).collect();
            prop_assert_eq!(&seen, &model.into_iter().collect::<Vec<_>>());
            for (name, bytes) in &seen {
                prop_assert_eq!(&value(entries.get(name.as_bytes()).unwrap()), bytes);
            }
            let rest: Vec<_> = entries.after(b"2").map(|(n, _)| n.clone()).collect();
            let want: Vec<_> = seen.iter().map(|(n, _)| n.clone()).filter(|n| n.as_bytes() > b"2".as_slice()).collect();
            prop_assert_eq!(rest, want);
        }
    }

    #[test]
    fn chunks_are_shared_between_snapshots() {
        let mut entries = Entries::default();
        for i in 0..1000 {
            entries.insert(Name::new(format!("{i:04}").as_bytes()).unwrap(), node(i));
        }
        let before = entries.clone();
        *entries.get_mut(b"0500").unwrap() = node(7);
        let shared = before.chunks().iter().zip(entries.chunks()).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, before.chunks().len() - 1);
    }
}
