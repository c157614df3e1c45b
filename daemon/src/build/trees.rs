//! Between the store's trees and the runtime's trees in memory.
//!
//! A tree from the store is lazy: its directories are read at once, its files when somebody reads them. A file
//! that is still as the store gave it keeps its blob's id, so storing a result hashes only what is new.

use bytes::Bytes;
use nuka_pir::{BlobId, Cid};
use nuka_seed_runtime::tree::{Content, File, Name, Node, Tree};
use nuka_store::{
    Batch, Directory, EntryName, Node as StoredNode, ObjectReader, Store, StoreError, SymlinkTarget,
};
use std::{
    collections::HashMap,
    io,
    sync::{Mutex, PoisonError},
};

/// Why a tree could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum TreesError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name that one side has and the other cannot.
    #[error("`{name}` cannot be stored: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file's bytes could not be loaded.
    #[error("a file could not be read: {0}")]
    Read(#[from] io::Error),
    /// Directories nested too deeply.
    #[error("directories are nested more than {MAX_DEPTH} deep")]
    Depth,
}

/// The deepest tree that is stored.
const MAX_DEPTH: usize = 256;

struct StoredFile {
    store: Store,
    blob: BlobId,
    size: u64,
}

impl Content for StoredFile {
    fn len(&self) -> u64 {
        self.size
    }

    fn load(&self) -> io::Result<Bytes> {
        // Checked against its hash: a damaged object never reaches a build.
        self.store.read_blob(&self.blob).map(Bytes::from).map_err(io::Error::other)
    }

    fn identity(&self) -> Option<&[u8]> {
        Some(self.blob.as_bytes())
    }
}

/// A file of these bytes, read when somebody wants them.
pub fn stored(store: &Store, blob: BlobId, size: u64, executable: bool) -> File {
    File::lazy(StoredFile { store: store.clone(), blob, size }, executable)
}

/// The blob of a file that is as the store gave it.
pub fn blob_of(file: &File) -> Option<BlobId> {
    Some(BlobId::from_bytes(file.identity()?.try_into().ok()?))
}

/// Trees of the store as trees in memory; each directory object is read once.
pub struct Trees {
    store: Store,
    known: Mutex<HashMap<Cid, Tree>>,
}

impl Trees {
    /// Trees of this store.
    pub fn new(store: Store) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// The tree with this CID.
    pub fn load(&self, cid: Cid) -> Result<Tree, TreesError> {
        self.load_at(cid, 0)
    }

    fn load_at(&self, cid: Cid, depth: usize) -> Result<Tree, TreesError> {
        if depth > MAX_DEPTH {
            return Err(TreesError::Depth);
        }
        if let Some(tree) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&cid) {
            return Ok(tree.clone());
        }
        let mut tree = Tree::new();
        for (name, node) in self.store.directory(&cid)?.entries() {
            let name = Name::new(name.as_bytes()).map_err(|error| TreesError::Name {
                name: name.as_bytes().escape_ascii().to_string(),
                reason: error.to_string(),
            })?;
            let node = match node {
                StoredNode::File { blob, size, executable } => {
                    Node::File(stored(&self.store, *blob, *size, *executable))
                }
                StoredNode::Directory { cid, .. } => Node::Directory(self.load_at(*cid, depth + 1)?),
                StoredNode::Symlink { target } => Node::Symlink(Bytes::copy_from_slice(target.as_bytes())),
            };
            tree.insert_entry(name, node);
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(cid, tree.clone());
        Ok(tree)
    }
}

/// Adds a tree to a batch.
pub fn save(batch: &Batch, tree: &Tree) -> Result<nuka_store::Tree, TreesError> {
    save_at(batch, tree, 0)
}

fn save_at(batch: &Batch, tree: &Tree, depth: usize) -> Result<nuka_store::Tree, TreesError> {
    if depth > MAX_DEPTH {
        return Err(TreesError::Depth);
    }
    let mut entries = Vec::with_capacity(tree.len());
    for (name, node) in tree.iter() {
        let wrong =
            |reason: String| TreesError::Name { name: name.as_bytes().escape_ascii().to_string(), reason };
        let entry = EntryName::new(name.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let node = match node {
            Node::Directory(tree) => save_at(batch, tree, depth + 1)?.node(),
            Node::Symlink(target) => StoredNode::Symlink {
                target: SymlinkTarget::new(target).map_err(|error| wrong(error.to_string()))?,
            },
            Node::File(file) => {
                let blob = match blob_of(file) {
                    Some(blob) => blob,
                    None => batch.add_blob(&file.bytes()?)?,
                };
                StoredNode::File { blob, size: file.len(), executable: file.executable() }
            }
        };
        entries.push((entry, node));
    }
    let directory = Directory::new(entries)
        .map_err(|error| TreesError::Name { name: "a directory".to_owned(), reason: error.to_string() })?;
    Ok(batch.add_directory(&directory)?)
}

/// The paths at which two trees differ, sorted.
pub fn differences(before: &Tree, after: &Tree) -> Result<Vec<String>, TreesError> {
    let changes = nuka_seed_runtime::tree::diff(before, after)?;
    let shown =
        |change: &nuka_seed_runtime::tree::Change| String::from_utf8_lossy(change.path()).into_owned();
    Ok(changes.iter().map(shown).collect())
}
