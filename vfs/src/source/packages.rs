//! A source that is a list in memory: for one closure, for tests, and for those who know better when it changes.

use super::{Source, SourceError};
use nuka_store::{EntryName, ObjectReader, Tree};
use std::{
    collections::BTreeMap,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// Names with their trees.
#[derive(Debug)]
pub struct Packages<O> {
    objects: O,
    names: RwLock<BTreeMap<EntryName, Shown>>,
    version: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    tree: Tree,
    listed: bool,
}

impl<O: ObjectReader + Send + 'static> Packages<O> {
    /// No names yet, over these objects.
    pub fn new(objects: O) -> Self {
        Self { objects, names: RwLock::default(), version: AtomicU64::new(0) }
    }

    /// Shows a tree under a name; an earlier one under it is replaced.
    pub fn insert(&self, name: EntryName, tree: Tree) {
        self.change().insert(name, Shown { tree, listed: true });
    }

    /// As [`Packages::insert`], but the name is only found by who asks for it.
    pub fn insert_unlisted(&self, name: EntryName, tree: Tree) {
        self.change().insert(name, Shown { tree, listed: false });
    }

    /// Shows the name no longer.
    pub fn remove(&self, name: &EntryName) {
        self.change().remove(name);
    }

    fn change(&self) -> RwLockWriteGuard<'_, BTreeMap<EntryName, Shown>> {
        let names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        self.version.fetch_add(1, Ordering::Release);
        names
    }

    fn names(&self) -> RwLockReadGuard<'_, BTreeMap<EntryName, Shown>> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: ObjectReader + Send + 'static> Source for Packages<O> {
    fn objects(&self) -> &dyn ObjectReader {
        &self.objects
    }

    fn list(&self) -> Result<Vec<(EntryName, Tree)>, SourceError> {
        let names = self.names();
        let listed = names.iter().filter(|(_, shown)| shown.listed);
        Ok(listed.map(|(name, shown)| (name.clone(), shown.tree)).collect())
    }

    fn find(&self, name: &EntryName) -> Result<Option<Tree>, SourceError> {
        Ok(self.names().get(name).map(|shown| shown.tree))
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}
