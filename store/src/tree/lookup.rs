//! Finding one path in a stored tree.

use crate::{directory::Node, error::StoreError, name::TreePath, reader::ObjectReader};
use nuka_pir::Cid;

/// Why there is nothing at a path.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// A directory on the way has no such entry.
    #[error("there is no `{path}` in the tree: `{missing}` does not exist")]
    NotFound {
        /// The path that was looked for.
        path: TreePath,
        /// The first part of it that is not there.
        missing: TreePath,
    },
    /// The path leads through something that is not a directory. Symlinks are not followed.
    #[error("there is no `{path}` in the tree: `{through}` is no directory ({kind})")]
    NotADirectory {
        /// The path that was looked for.
        path: TreePath,
        /// The part of it that is not a directory.
        through: TreePath,
        /// What that is.
        kind: &'static str,
    },
    /// An object on the way cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The node at `path` in the tree `cid`. The root is a directory node too. Symlinks are not followed.
pub fn lookup(objects: &impl ObjectReader, cid: &Cid, path: &TreePath) -> Result<Node, LookupError> {
    let mut directory = objects.directory(cid)?;
    let Some((last, parents)) = path.names().split_last() else {
        return Ok(directory.tree().node());
    };
    let until = |count: usize| path.names().iter().take(count).cloned().collect::<TreePath>();
    let missing = |count| LookupError::NotFound { path: path.clone(), missing: until(count) };
    for (index, name) in parents.iter().enumerate() {
        match directory.get(name.as_bytes()) {
            Some(Node::Directory { cid, .. }) => directory = objects.directory(cid)?,
            Some(other) => {
                let (path, through, kind) = (path.clone(), until(index + 1), other.kind());
                return Err(LookupError::NotADirectory { path, through, kind });
            }
            None => return Err(missing(index + 1)),
        }
    }
    directory.get(last.as_bytes()).cloned().ok_or_else(|| missing(path.depth()))
}
