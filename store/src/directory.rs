//! Directory objects: the nodes of every tree.
//!
//! A [`Directory`] is an ordered map of names to nodes. Nodes have no names of their own. It can only be made
//! valid: names are sorted and unique, and its totals are computed, so no other code checks them again.

mod encoding;

use crate::name::{EntryName, SymlinkTarget, escape};
use nuka_pir::{BlobId, Cid};

pub use encoding::{DIRECTORY_MAGIC, MAX_DIRECTORY_OBJECT, decode_directory};

/// What a name in a directory stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// A file.
    File {
        /// Its bytes.
        blob: BlobId,
        /// Its length in bytes.
        size: u64,
        /// Whether it may be executed.
        executable: bool,
    },
    /// A directory.
    Directory {
        /// Its directory object.
        cid: Cid,
        /// The sum of the lengths of all files below it, in bytes.
        size: u64,
        /// How many nodes are below it, at any depth.
        count: u64,
    },
    /// A symlink.
    Symlink {
        /// Where it points.
        target: SymlinkTarget,
    },
}

impl Node {
    /// Bytes of all files in and below this node.
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } | Self::Directory { size, .. } => *size,
            Self::Symlink { .. } => 0,
        }
    }

    /// The object that this node names: a file's blob, or a directory object.
    pub(crate) fn object(&self) -> Option<BlobId> {
        match self {
            Self::File { blob, .. } => Some(*blob),
            Self::Directory { cid, .. } => Some((*cid).into()),
            Self::Symlink { .. } => None,
        }
    }

    /// How many nodes this one stands for: itself and all below it.
    fn weight(&self) -> Option<u64> {
        match self {
            Self::Directory { count, .. } => count.checked_add(1),
            Self::File { .. } | Self::Symlink { .. } => Some(1),
        }
    }

    /// The kind's name, as messages write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { executable: false, .. } => "file",
            Self::File { executable: true, .. } => "executable file",
            Self::Directory { .. } => "directory",
            Self::Symlink { .. } => "symlink",
        }
    }
}

/// A tree: its directory object's id and its totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tree {
    /// The root's directory object.
    pub cid: Cid,
    /// The sum of the lengths of all files, in bytes.
    pub size: u64,
    /// How many nodes are below the root.
    pub count: u64,
}

impl Tree {
    /// The node by which another directory holds this tree.
    pub fn node(self) -> Node {
        Node::Directory { cid: self.cid, size: self.size, count: self.count }
    }
}

/// Why entries do not make a directory, or bytes not a directory object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Two entries have one name.
    #[error("two entries have the name `{name}`")]
    Duplicate {
        /// The name.
        name: EntryName,
    },
    /// The sizes or counts of the entries do not fit into 64 bits.
    #[error("the sizes or counts of its entries add up to more than 64 bits hold")]
    Overflow,
    /// The bytes do not begin with [`DIRECTORY_MAGIC`].
    #[error("it does not begin as a directory object does")]
    Magic,
    /// The bytes end inside a field or go on after the last one.
    #[error(transparent)]
    Wire(#[from] crate::wire::WireError),
    /// An entry's kind is none of the four.
    #[error("entry {index} has the unknown kind {kind}")]
    Kind {
        /// Which entry, from 0.
        index: u32,
        /// The kind's byte.
        kind: u8,
    },
    /// An entry's name is not one.
    #[error("entry {index}: {source}")]
    Name {
        /// Which entry, from 0.
        index: u32,
        /// What is wrong with it.
        source: crate::name::NameError,
    },
    /// A symlink's target is not one.
    #[error("entry {index}: {source}")]
    Target {
        /// Which entry, from 0.
        index: u32,
        /// What is wrong with it.
        source: crate::name::TargetError,
    },
    /// The entries are not in the order of their names, or a name comes twice.
    #[error("entry {index} (`{}`) is not after the one before it", escape(name))]
    Order {
        /// Which entry, from 0.
        index: u32,
        /// Its name.
        name: Vec<u8>,
    },
    /// The object is longer than [`MAX_DIRECTORY_OBJECT`].
    #[error("it has {length} bytes (at most {MAX_DIRECTORY_OBJECT})")]
    TooLarge {
        /// Its length in bytes.
        length: u64,
    },
}

/// A directory: names in byte order, each with its node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Directory {
    entries: Vec<(EntryName, Node)>,
    size: u64,
    count: u64,
}

impl Directory {
    /// The directory of these entries, in whatever order they come.
    pub fn new(mut entries: Vec<(EntryName, Node)>) -> Result<Self, DirectoryError> {
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        }
        for pair in entries.windows(2) {
            if let [(first, _), (second, _)] = pair
                && first == second
            {
                return Err(DirectoryError::Duplicate { name: first.clone() });
            }
        }
        Self::from_sorted(entries)
    }

    fn from_sorted(entries: Vec<(EntryName, Node)>) -> Result<Self, DirectoryError> {
        let (mut size, mut count) = (0_u64, 0_u64);
        for (_, node) in &entries {
            size = size.checked_add(node.size()).ok_or(DirectoryError::Overflow)?;
            let weight = node.weight().ok_or(DirectoryError::Overflow)?;
            count = count.checked_add(weight).ok_or(DirectoryError::Overflow)?;
        }
        Ok(Self { entries, size, count })
    }

    /// The entries in the order of their names.
    pub fn entries(&self) -> &[(EntryName, Node)] {
        &self.entries
    }

    /// The node of this name.
    pub fn get(&self, name: &[u8]) -> Option<&Node> {
        let index = self.entries.binary_search_by(|(entry, _)| entry.as_bytes().cmp(name)).ok()?;
        self.entries.get(index).map(|(_, node)| node)
    }

    /// The sum of the lengths of all files below, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many nodes are below, at any depth.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many entries this directory itself has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The directory object: see the module [`encoding`](self::DIRECTORY_MAGIC) for its layout.
    pub fn encode(&self) -> Vec<u8> {
        encoding::encode(self)
    }

    /// The tree whose root this is. This hashes the encoding.
    pub fn tree(&self) -> Tree {
        self.tree_of(&self.encode())
    }

    /// The tree whose root this is, given its encoding.
    pub(crate) fn tree_of(&self, encoding: &[u8]) -> Tree {
        Tree { cid: blake3::hash(encoding).into(), size: self.size, count: self.count }
    }
}
