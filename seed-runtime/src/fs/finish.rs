//! Turning the inodes of a process that has ended back into trees, and into the list of what it read.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Data, Fs, Id, Kind};
use crate::{
    process::{Read, ReadKind},
    tree::{File, Node, Tree},
};

impl Fs {
    /// Notes that everything of `id` was read, because it now stands elsewhere. `Content` of a directory stands
    /// for all below it.
    pub(super) fn note_moved(&mut self, id: Id) {
        let directory = self.is_directory(id);
        let seen = &mut self.node_mut(id).seen;
        (seen.metadata, seen.content) = (true, true);
        seen.listing |= directory;
    }

    /// The mounts' trees as they are now, in order, and what the process learned of them as they were.
    pub(crate) fn finish(mut self) -> (Vec<Tree>, BTreeSet<Read>) {
        let reads = self.reads();
        let roots: Vec<Id> = self.mounts.iter().map(|m| m.root).collect();
        let trees = roots
            .into_iter()
            .map(|root| match self.freeze(root) {
                Some(Node::Directory(tree)) => tree,
                _ => Tree::new(),
            })
            .collect();
        (trees, reads)
    }

    // Recursion is bounded by MAX_DEPTH, which `create_directory` and `rename` hold.
    fn freeze(&mut self, id: Id) -> Option<Node> {
        let node = self.node_mut(id);
        let dirty = node.dirty;
        match &mut node.kind {
            Kind::Symlink(target) => Some(Node::Symlink(target.clone())),
            Kind::File(Data::Loaded(file)) => Some(Node::File(file.clone())),
            Kind::File(Data::Written { bytes, executable }) => {
                let (mut bytes, executable) = (std::mem::take(bytes), *executable);
                // Vectors grow by doubling; a quarter of waste is not worth a copy.
                if bytes.capacity() - bytes.len() > bytes.len() / 4 + 64 {
                    bytes.shrink_to_fit();
                }
                Some(Node::File(File::from_bytes(Bytes::from(bytes), executable)))
            }
            Kind::Directory(inside) if !dirty => Some(Node::Directory(inside.base.clone())),
            Kind::Directory(inside) => {
                let mut tree = std::mem::take(&mut inside.base);
                for (name, slot) in std::mem::take(&mut inside.over) {
                    let Some(child) = slot else {
                        tree.remove_entry(name.as_bytes());
                        continue;
                    };
                    let loaded = self.node(child);
                    let untouched = !loaded.dirty && loaded.origin.as_ref() == Some(&(id, name.clone()));
                    if untouched {
                        continue;
                    }
                    if let Some(node) = self.freeze(child) {
                        tree.insert_entry(name, node);
                    }
                }
                Some(Node::Directory(tree))
            }
        }
    }

    fn reads(&self) -> BTreeSet<Read> {
        let mut reads = BTreeSet::new();
        for (index, node) in self.nodes.iter().enumerate() {
            // The mounts' roots come first in the arena; what else has no origin, the process made.
            if node.origin.is_none() && index >= self.mounts.len() {
                continue;
            }
            let seen = &node.seen;
            if !(seen.metadata || seen.content || seen.listing) && seen.absent.is_empty() {
                continue;
            }
            let path = self.original_path(node);
            for name in &seen.absent {
                let mut path = path.clone();
                push(&mut path, name.as_bytes());
                reads.insert(Read { path, kind: ReadKind::Absent });
            }
            let kinds = [
                (seen.metadata, ReadKind::Metadata),
                (seen.listing, ReadKind::Listing),
                (seen.content, ReadKind::Content),
            ];
            for (_, kind) in kinds.into_iter().filter(|(learned, _)| *learned) {
                reads.insert(Read { path: path.clone(), kind });
            }
        }
        reads
    }

    /// Absolute path that an inode had when it was loaded.
    fn original_path(&self, node: &super::Inode) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = node;
        while let Some((parent, name)) = &at.origin {
            names.push(name);
            at = self.node(*parent);
        }
        let mount = self.mounts.get(usize::from(node.mount));
        let mut path = mount.map(|m| m.path.to_bytes()).unwrap_or_default();
        for name in names.into_iter().rev() {
            push(&mut path, name.as_bytes());
        }
        path
    }
}

fn push(path: &mut Vec<u8>, name: &[u8]) {
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}
