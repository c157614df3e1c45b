//! Where recipe text comes from: a trait, so that evaluation itself reads nothing.

use crate::RecipePath;
use std::{collections::BTreeMap, io, sync::Arc};

/// The recipe roots, seen as one tree of files. Earlier roots win over later ones.
pub trait RecipeFiles: Send + Sync {
    /// The contents of one recipe file; `None` if it is not there.
    fn read(&self, path: &RecipePath) -> io::Result<Option<Arc<[u8]>>>;

    /// Every recipe file, sorted: for "did you mean" and for building all.
    fn list(&self) -> io::Result<Vec<RecipePath>>;
}

/// Recipe files in memory: those built into a program, and those of tests.
#[derive(Debug, Clone, Default)]
pub struct RecipeMap(BTreeMap<RecipePath, Arc<[u8]>>);

impl RecipeMap {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, or replaces it.
    pub fn insert(&mut self, path: RecipePath, text: impl AsRef<[u8]>) {
        self.0.insert(path, text.as_ref().into());
    }
}

impl FromIterator<(RecipePath, Arc<[u8]>)> for RecipeMap {
    fn from_iter<I: IntoIterator<Item = (RecipePath, Arc<[u8]>)>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}

impl RecipeFiles for RecipeMap {
    fn read(&self, path: &RecipePath) -> io::Result<Option<Arc<[u8]>>> {
        Ok(self.0.get(path).cloned())
    }

    fn list(&self) -> io::Result<Vec<RecipePath>> {
        Ok(self.0.keys().cloned().collect())
    }
}
