//! Marking objects: every directory object is read and checked once, in parallel, level by level.

use super::error::GcError;
use crate::{cancel::Cancel, directory::Node, error::StoreError, id_hash::IdState, objects::ObjectDir};
use nuka_pir::{BlobId, Cid};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// A tree that is kept, and what keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) cid: Cid,
    /// Who keeps it, for the error.
    pub(crate) keeper: String,
    /// Whether it need not be there.
    pub(crate) optional: bool,
}

/// The objects that are kept, each with its length in bytes.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    live: HashMap<BlobId, u64, IdState>,
    bytes: u64,
    /// What was marked since the last [`Marks::begin`], so that it can be undone.
    log: Vec<BlobId>,
    cancel: Cancel,
}

impl Marks {
    /// None yet. Marking ends with an error when it is wanted no more.
    pub(crate) fn new(cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..Self::default() }
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    pub(crate) fn contains(&self, id: &BlobId) -> bool {
        self.live.contains_key(id)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From here on marks can be undone.
    pub(crate) fn begin(&mut self) {
        self.log.clear();
    }

    /// Takes back all marks since the last [`Marks::begin`].
    pub(crate) fn undo(&mut self) {
        for id in std::mem::take(&mut self.log) {
            self.bytes -= self.live.remove(&id).unwrap_or(0);
        }
    }

    /// Marks an object; `false` if it was marked already.
    fn add(&mut self, id: BlobId, size: u64) -> bool {
        let new = self.live.insert(id, size).is_none();
        if new {
            self.bytes = self.bytes.saturating_add(size);
            self.log.push(id);
        }
        new
    }

    /// Marks a blob, which need not be there.
    pub(crate) fn add_blob(&mut self, objects: &ObjectDir, id: BlobId) -> Result<(), StoreError> {
        if !self.contains(&id) {
            let size = objects.size(&id)?.unwrap_or(0);
            self.add(id, size);
        }
        Ok(())
    }

    /// Marks trees with all that is in them.
    pub(crate) fn add_trees(&mut self, objects: &ObjectDir, trees: Vec<Kept>) -> Result<(), GcError> {
        // Whose tree a directory is in, for the error: its place in the list.
        let mut level: Vec<(Cid, usize)> = Vec::new();
        for (place, kept) in trees.iter().enumerate() {
            let id = kept.cid.into();
            if kept.optional && objects.size(&id)?.is_none() {
                continue;
            }
            if self.add(id, 0) {
                level.push((kept.cid, place));
            }
        }
        while !level.is_empty() {
            let read = |(cid, place): (Cid, usize)| match self
                .cancel
                .check()
                .map(|()| objects.read_directory(&cid))?
            {
                Ok((directory, length)) => Ok((cid, place, directory, length)),
                Err(source) => {
                    let keeper = trees.get(place).map(|kept| kept.keeper.clone()).unwrap_or_default();
                    Err(GcError::Unreadable { id: cid.into(), keeper, source })
                }
            };
            let directories =
                level.into_par_iter().with_min_len(16).map(read).collect::<Result<Vec<_>, _>>()?;
            level = Vec::new();
            for (cid, place, directory, length) in directories {
                if let Some(size) = self.live.get_mut(&cid.into()) {
                    *size = length;
                    self.bytes = self.bytes.saturating_add(length);
                }
                for (_, node) in directory.entries() {
                    match node {
                        Node::File { blob, size, .. } => {
                            self.add(*blob, *size);
                        }
                        Node::Directory { cid, .. } => {
                            if self.add((*cid).into(), 0) {
                                level.push((*cid, place));
                            }
                        }
                        Node::Symlink { .. } => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// All marked objects.
    pub(crate) fn ids(&self) -> HashSet<BlobId, IdState> {
        self.live.keys().copied().collect()
    }

    /// How many objects are marked.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }
}
