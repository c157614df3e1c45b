//! A directory tree in memory that is a value: cloning it is one reference count, and changing a clone leaves
//! the original as it was.
//!
//! A tree has directories, files, executable files and symlinks, and nothing else: no owners, no times. Names
//! are bytes ([`Name`]) and every listing is sorted by them. Files hold bytes in memory, or a [`Content`] that
//! is loaded the first time somebody reads it, so a large tree costs only what is looked at.

mod content;
mod diff;
mod entries;
mod name;
mod walk;

use std::{fmt, sync::Arc};

use bytes::Bytes;
pub use content::{Content, File};
pub use diff::{Change, diff};
use entries::Entries;
pub use name::{GuestPath, MAX_DEPTH, MAX_NAME_LEN, Name, NameError, split_path};
pub use walk::Walk;

/// A directory and all below it. See the module's text.
#[derive(Clone, Default)]
pub struct Tree {
    entries: Arc<Entries>,
}

/// What one name in a directory stands for.
#[derive(Clone)]
pub enum Node {
    /// A directory.
    Directory(Tree),
    /// A file, executable or not.
    File(File),
    /// A symlink; its target is any bytes without NUL and need not exist.
    Symlink(Bytes),
}

/// Why a tree could not be changed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The path is not a path.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Something on the way is a file or a symlink.
    #[error("`{path}` is not a directory, so nothing can be put below it")]
    NotADirectory {
        /// The path up to what is in the way, escaped.
        path: String,
    },
    /// The empty path names the tree itself, which can be neither replaced nor removed.
    #[error("the path is empty: it names the tree itself")]
    EmptyPath,
}

impl Node {
    /// The directory, if the node is one.
    #[must_use]
    pub fn as_directory(&self) -> Option<&Tree> {
        match self {
            Self::Directory(tree) => Some(tree),
            _ => None,
        }
    }

    /// The file, if the node is one.
    #[must_use]
    pub fn as_file(&self) -> Option<&File> {
        match self {
            Self::File(file) => Some(file),
            _ => None,
        }
    }

    /// The target, if the node is a symlink.
    #[must_use]
    pub fn as_symlink(&self) -> Option<&Bytes> {
        match self {
            Self::Symlink(target) => Some(target),
            _ => None,
        }
    }

    /// Whether both are certainly equal, found without looking inside: they share memory or identity.
    #[must_use]
    pub fn same(&self, other: &Node) -> bool {
        match (self, other) {
            (Self::Directory(a), Self::Directory(b)) => a.same(b),
            (Self::File(a), Self::File(b)) => a.same(b),
            (Self::Symlink(a), Self::Symlink(b)) => a == b,
            _ => false,
        }
    }
}

impl Tree {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of entries directly in this directory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the directory has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// The entry called `name` directly in this directory.
    #[must_use]
    pub fn entry(&self, name: &[u8]) -> Option<&Node> {
        self.entries.get(name)
    }

    /// The entries directly in this directory, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Node)> + Clone {
        self.entries.iter()
    }

    /// The entries directly in this directory whose names come after `name`, sorted.
    pub fn iter_after(&self, name: &[u8]) -> impl Iterator<Item = (&Name, &Node)> + Clone {
        self.entries.after(name)
    }

    /// What stands at a relative path such as `usr/lib/libz.a`. Symlinks are not followed. `None` for the empty
    /// path, for one that is not valid and for one where nothing is.
    #[must_use]
    pub fn get(&self, path: impl AsRef<[u8]>) -> Option<&Node> {
        let components = split_path(path.as_ref()).ok()?;
        let (last, parents) = components.split_last()?;
        let mut tree = self;
        for name in parents {
            tree = tree.entry(name)?.as_directory()?;
        }
        tree.entry(last)
    }

    /// The directory at a relative path; the empty path is this tree.
    #[must_use]
    pub fn directory(&self, path: impl AsRef<[u8]>) -> Option<&Tree> {
        let mut tree = self;
        for name in split_path(path.as_ref()).ok()? {
            tree = tree.entry(name)?.as_directory()?;
        }
        Some(tree)
    }

    /// Puts `node` at a relative path, making the directories above it that are missing, and gives what was
    /// there before.
    ///
    /// # Errors
    /// [`TreeError`] when the path is not valid or leads through something that is not a directory.
    pub fn insert(
        &mut self,
        path: impl AsRef<[u8]>,
        node: impl Into<Node>,
    ) -> Result<Option<Node>, TreeError> {
        let components = split_path(path.as_ref())?;
        let (last, parents) = components.split_last().ok_or(TreeError::EmptyPath)?;
        let mut tree = self;
        for (depth, name) in parents.iter().enumerate() {
            let entries = Arc::make_mut(&mut tree.entries);
            if entries.get(name).is_none() {
                entries.insert(Name::new(name)?, Node::Directory(Self::new()));
            }
            tree = match entries.get_mut(name) {
                Some(Node::Directory(tree)) => tree,
                _ => return Err(TreeError::NotADirectory { path: joined(parents, depth + 1) }),
            };
        }
        Ok(tree.insert_entry(Name::new(last)?, node.into()))
    }

    /// Puts `node` directly in this directory and gives what had that name before.
    pub fn insert_entry(&mut self, name: Name, node: impl Into<Node>) -> Option<Node> {
        Arc::make_mut(&mut self.entries).insert(name, node.into())
    }

    /// Takes away what has that name directly in this directory, and gives it.
    pub fn remove_entry(&mut self, name: &[u8]) -> Option<Node> {
        self.entries.get(name)?;
        Arc::make_mut(&mut self.entries).remove(name)
    }

    /// Takes away what stands at a relative path, and gives it. A directory goes with all below it.
    ///
    /// # Errors
    /// [`TreeError`] when the path is empty or not valid.
    pub fn remove(&mut self, path: impl AsRef<[u8]>) -> Result<Option<Node>, TreeError> {
        let path = path.as_ref();
        let components = split_path(path)?;
        let (last, parents) = components.split_last().ok_or(TreeError::EmptyPath)?;
        // Looked up first, so that removing nothing copies nothing.
        if self.get(path).is_none() {
            return Ok(None);
        }
        let mut tree = self;
        for name in parents {
            tree = match Arc::make_mut(&mut tree.entries).get_mut(name) {
                Some(Node::Directory(tree)) => tree,
                _ => return Ok(None),
            };
        }
        Ok(tree.remove_entry(last))
    }

    /// Everything below this directory, parents before children, siblings by name. Iterative: depth costs no
    /// stack.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(self)
    }

    /// Whether both are the same directory in memory, and so certainly equal.
    #[must_use]
    pub fn same(&self, other: &Tree) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }

    fn entries(&self) -> &Entries {
        &self.entries
    }
}

fn joined(components: &[&[u8]], count: usize) -> String {
    let parts: Vec<String> = components.iter().take(count).map(|c| c.escape_ascii().to_string()).collect();
    parts.join("/")
}

impl From<Tree> for Node {
    fn from(tree: Tree) -> Self {
        Self::Directory(tree)
    }
}

impl From<File> for Node {
    fn from(file: File) -> Self {
        Self::File(file)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(tree) => write!(f, "Directory({} entries)", tree.len()),
            Self::File(file) => file.fmt(f),
            Self::Symlink(target) => write!(f, "Symlink({target:?})"),
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &'static str) -> File {
        File::from_bytes(text, false)
    }

    #[test]
    fn a_clone_is_a_snapshot() {
        let mut tree = Tree::new();
        tree.insert("usr/lib/a", file("1")).unwrap();
        let before = tree.clone();
        tree.insert("usr/lib/a", file("2")).unwrap();
        tree.insert("usr/bin/b", file("3")).unwrap();
        tree.remove("usr/lib").unwrap();
        assert_eq!(before.get("usr/lib/a").unwrap().as_file().unwrap().bytes().unwrap(), "1");
        assert!(before.get("usr/bin").is_none());
        assert!(tree.get("usr/lib").is_none());
        assert!(tree.directory("/usr/bin/").is_some());
    }

    #[test]
    fn insertion_through_a_file_is_refused() {
        let mut tree = Tree::new();
        tree.insert("a/b", file("")).unwrap();
        let error = tree.insert("a/b/c", file("")).unwrap_err();
        assert_eq!(error, TreeError::NotADirectory { path: "a/b".into() });
        assert_eq!(tree.insert("", file("")).unwrap_err(), TreeError::EmptyPath);
    }

    #[test]
    fn removing_nothing_keeps_sharing() {
        let mut tree = Tree::new();
        tree.insert("a/b", file("")).unwrap();
        let before = tree.clone();
        assert!(tree.remove("a/zzz").unwrap().is_none());
        assert!(tree.same(&before));
    }
}
