//! Views: several trees merged into one.
//!
//! Directories at one path are merged; anything else at one path must be the same in every part. Equal
//! directories are not read, and one that a single part has is taken as it is. Which part comes first makes
//! no difference to the result.

use crate::{
    batch::Batch,
    directory::{Directory, DirectoryError, Node, Tree},
    error::StoreError,
    name::{EntryName, MAX_DEPTH, TreePath},
    reader::ObjectReader,
};
use nuka_pir::Cid;
use std::collections::BTreeMap;

/// A tree that goes into a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What to call it in an error: a package's name, say.
    pub owner: String,
    /// The tree.
    pub cid: Cid,
}

/// Why trees cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Two parts have different things at one path.
    #[error(
        "`{path}` comes from both `{}` ({}) and `{}` ({}), and they differ",
        crate::escape(first.as_bytes()), first_node.kind(), crate::escape(second.as_bytes()), second_node.kind()
    )]
    Conflict {
        /// The path.
        path: TreePath,
        /// The part that has it first.
        first: String,
        /// What that part has there.
        first_node: Node,
        /// The part that has something else.
        second: String,
        /// What that part has there.
        second_node: Node,
    },
    /// A directory object cannot be read or stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Merges the trees of `parts` and stores the result in `batch`. No parts give the empty tree.
pub fn merge(batch: &Batch, parts: &[Part]) -> Result<Tree, MergeError> {
    let roots: Vec<(usize, Cid)> = parts.iter().map(|part| part.cid).enumerate().collect();
    merge_directories(batch, parts, &roots, &TreePath::root())
}

/// One name in a merge: who has it first, and the directories to merge if it is one.
struct Candidate {
    owner: usize,
    node: Node,
    directories: Vec<(usize, Cid)>,
}

/// Merges directories that stand at one path. The recursion is as deep as the tree, at most [`MAX_DEPTH`].
fn merge_directories(
    batch: &Batch,
    parts: &[Part],
    sources: &[(usize, Cid)],
    at: &TreePath,
) -> Result<Tree, MergeError> {
    if at.depth() > MAX_DEPTH {
        return Err(StoreError::TooDeep { path: at.clone() }.into());
    }
    let mut names: BTreeMap<EntryName, Candidate> = BTreeMap::new();
    for (owner, cid) in sources {
        for (name, node) in batch.directory(cid)?.entries() {
            let directory = if let Node::Directory { cid, .. } = node { Some((*owner, *cid)) } else { None };
            let Some(found) = names.get_mut(name) else {
                let directories = directory.into_iter().collect();
                names.insert(name.clone(), Candidate { owner: *owner, node: node.clone(), directories });
                continue;
            };
            match directory {
                Some((owner, cid)) if !found.directories.is_empty() => {
                    if found.directories.iter().all(|(_, known)| *known != cid) {
                        found.directories.push((owner, cid));
                    }
                }
                _ if found.node == *node => {}
                _ => {
                    return Err(MergeError::Conflict {
                        path: at.join(name.clone()),
                        first: owner_of(parts, found.owner),
                        first_node: found.node.clone(),
                        second: owner_of(parts, *owner),
                        second_node: node.clone(),
                    });
                }
            }
        }
    }
    let mut entries = Vec::with_capacity(names.len());
    for (name, candidate) in names {
        let node = if candidate.directories.len() > 1 {
            merge_directories(batch, parts, &candidate.directories, &at.join(name.clone()))?.node()
        } else {
            candidate.node
        };
        entries.push((name, node));
    }
    let directory =
        Directory::new(entries).map_err(|source: DirectoryError| StoreError::InvalidDirectory { source })?;
    Ok(batch.add_directory(&directory)?)
}

fn owner_of(parts: &[Part], index: usize) -> String {
    parts.get(index).map(|part| part.owner.clone()).unwrap_or_default()
}
