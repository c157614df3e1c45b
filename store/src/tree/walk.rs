//! Visiting every node of a stored tree, parents first, names in order.
//!
//! The walk keeps one decoded directory for each level, and checks on the way that each directory object has
//! the totals that its parent says, and that the tree is no deeper than trees may be.

use crate::{
    directory::{Directory, Node},
    error::StoreError,
    name::{EntryName, MAX_DEPTH, TreePath},
    reader::ObjectReader,
};
use nuka_pir::Cid;

/// One node of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Where it is.
    pub path: TreePath,
    /// What it is.
    pub node: Node,
}

/// The nodes of a tree; after an error there are no more.
#[derive(Debug)]
pub struct Walk<'o, O> {
    objects: &'o O,
    levels: Vec<(Directory, usize)>,
    names: Vec<EntryName>,
    /// The root, until it is read.
    root: Option<Cid>,
    /// The directory that was visited last: it is entered before the next node.
    pending: Option<Node>,
    failed: bool,
}

/// Visits every node below the root of the tree `cid`.
pub fn walk<'o, O: ObjectReader>(objects: &'o O, cid: &Cid) -> Walk<'o, O> {
    Walk { objects, levels: Vec::new(), names: Vec::new(), root: Some(*cid), pending: None, failed: false }
}

impl<O: ObjectReader> Walk<'_, O> {
    /// Does not enter the directory that was visited last.
    pub fn skip_directory(&mut self) {
        if self.pending.take().is_some() {
            self.names.pop();
        }
    }

    fn advance(&mut self) -> Result<Option<Visit>, StoreError> {
        if let Some(root) = self.root.take() {
            self.levels.push((self.objects.directory(&root)?, 0));
        }
        if let Some(Node::Directory { cid, size, count }) = self.pending.take() {
            let directory = self.objects.directory(&cid)?;
            let got = (directory.size(), directory.count());
            let path = || self.names.iter().cloned().collect();
            if got != (size, count) {
                return Err(StoreError::Totals { path: path(), said: (size, count), got });
            }
            if self.levels.len() == MAX_DEPTH && !directory.is_empty() {
                return Err(StoreError::TooDeep { path: path() });
            }
            self.levels.push((directory, 0));
        }
        while let Some((directory, next)) = self.levels.last_mut() {
            let Some((name, node)) = directory.entries().get(*next) else {
                self.levels.pop();
                self.names.pop();
                continue;
            };
            *next += 1;
            let (name, node) = (name.clone(), node.clone());
            self.names.push(name);
            let path = self.names.iter().cloned().collect();
            if matches!(node, Node::Directory { .. }) {
                self.pending = Some(node.clone());
            } else {
                self.names.pop();
            }
            return Ok(Some(Visit { path, node }));
        }
        Ok(None)
    }
}

impl<O: ObjectReader> Iterator for Walk<'_, O> {
    type Item = Result<Visit, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let result = self.advance();
        self.failed = result.is_err();
        result.transpose()
    }
}
