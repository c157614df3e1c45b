//! The file system of one process: the trees it was given, and its changes to them while it runs.
//!
//! A [`Tree`] is a value; a running program wants inodes that it can open, rename and remove while they are
//! open. So each thing that the process looks at becomes an inode in an arena, loaded from its tree when it is
//! first met; what it never looks at stays untouched in the tree. When the process ends, [`Fs::finish`] turns
//! the changed inodes back into trees, and the rest is shared with the trees that came in.
//!
//! Calls here take inodes, names and paths and give an [`Errno`]; nothing here knows of WebAssembly.
//!
//! **Inode numbers** are deterministic and never 0. A mount's root has the first 8 bytes (little endian) of
//! BLAKE3 of its guest path; something in a tree that was given has those of BLAKE3(number of its directory, 8
//! bytes little endian, then its name); something that the process made has those of BLAKE3("new", then the
//! count of things made before it, 8 bytes little endian). So a path that leads to the same thing gives the same number, renaming keeps it,
//! and a name that is removed and made again gets another.

mod change;
mod directory;
mod file;
mod finish;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
pub(crate) use directory::Entry;
pub(crate) use resolve::{Follow, Target};

use crate::{
    Errno,
    process::{Access, Mount},
    tree::{File, GuestPath, Name, Node, Tree},
};

/// Index of an inode in the arena of its [`Fs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(u32);

/// Charged against the limit on written bytes for each new name, so that empty files are not free.
const NEW_NODE_COST: u64 = 256;

/// See the module's text.
pub(crate) struct Fs {
    nodes: Vec<Inode>,
    mounts: Vec<Mounted>,
    /// Things that the process made so far; see the text on inode numbers.
    made: u64,
    /// Bytes charged so far, of at most `limit`.
    used: u64,
    limit: u64,
    /// Whether something was refused because of `limit`.
    refused: bool,
}

struct Mounted {
    path: GuestPath,
    root: Id,
    writable: bool,
}

struct Inode {
    /// The inode number that the process sees.
    number: u64,
    /// Index in `Fs::mounts`; a rename to another mount is not possible, so it never changes.
    mount: u16,
    /// The directory that it is in; `None` for a mount's root and for what was removed.
    parent: Option<Id>,
    /// Where it was loaded from; `None` for what the process made and for a mount's root.
    origin: Option<(Id, Name)>,
    kind: Kind,
    /// Whether it, or something below it, is no longer as it was loaded.
    dirty: bool,
    seen: Seen,
    /// Open file descriptors: what a removed file holds is given back when the last one closes.
    opened: u32,
}

/// What the process learned of an inode that was loaded.
#[derive(Default)]
struct Seen {
    metadata: bool,
    content: bool,
    listing: bool,
    /// Names looked up in vain.
    absent: BTreeSet<Name>,
}

enum Kind {
    Directory(Directory),
    File(Data),
    Symlink(Bytes),
}

struct Directory {
    /// As it was loaded.
    base: Tree,
    /// Names whose inode is loaded (`Some`), or that were removed (`None`). They hide those of `base`.
    over: BTreeMap<Name, Option<Id>>,
    /// Directories above it up to and including the mount's root.
    depth: u16,
}

enum Data {
    /// As it was loaded.
    Loaded(File),
    /// Written by the process.
    Written { bytes: Vec<u8>, executable: bool },
}

/// What an inode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileType {
    Directory,
    File,
    Symlink,
}

/// What `stat` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) number: u64,
    pub(crate) kind: FileType,
    pub(crate) size: u64,
}

impl Fs {
    /// A file system with these mounts, which must not lie inside each other (the caller checked), whose written
    /// files may hold `limit` bytes together.
    pub(crate) fn new(mounts: Vec<Mount>, limit: u64) -> Self {
        let mut fs = Self { nodes: Vec::new(), mounts: Vec::new(), made: 0, used: 0, limit, refused: false };
        for (index, mount) in mounts.into_iter().enumerate() {
            let root = fs.push(Inode {
                number: number_of(&[&mount.path.to_bytes()]),
                mount: u16::try_from(index).unwrap_or(u16::MAX),
                parent: None,
                origin: None,
                kind: Kind::Directory(Directory { base: mount.tree, over: BTreeMap::new(), depth: 0 }),
                dirty: false,
                seen: Seen::default(),
                opened: 0,
            });
            fs.mounts.push(Mounted { path: mount.path, root, writable: mount.access == Access::ReadWrite });
        }
        fs
    }

    /// The roots of the mounts, in order, with their paths.
    pub(crate) fn roots(&self) -> impl Iterator<Item = (&GuestPath, Id)> {
        self.mounts.iter().map(|m| (&m.path, m.root))
    }

    /// Whether something was refused because of the limit on written bytes.
    pub(crate) fn was_full(&self) -> bool {
        self.refused
    }

    /// The directory at an absolute path, without following symlinks or noting that it was read.
    pub(crate) fn directory_at(&mut self, path: &GuestPath) -> Option<Id> {
        let (mut at, rest) = self.mounts.iter().find_map(|m| Some((m.root, path.strip_prefix(&m.path)?)))?;
        for name in rest {
            at = self.child(at, name.as_bytes()).ok()??;
        }
        self.is_directory(at).then_some(at)
    }

    pub(crate) fn stat(&mut self, id: Id) -> Stat {
        let node = self.node_mut(id);
        node.seen.metadata = true;
        let (kind, size) = match &node.kind {
            Kind::Directory(_) => (FileType::Directory, 0),
            Kind::File(Data::Loaded(file)) => (FileType::File, file.len()),
            Kind::File(Data::Written { bytes, .. }) => (FileType::File, bytes.len() as u64),
            Kind::Symlink(target) => (FileType::Symlink, target.len() as u64),
        };
        Stat { number: node.number, kind, size }
    }

    pub(crate) fn is_directory(&self, id: Id) -> bool {
        matches!(self.node(id).kind, Kind::Directory(_))
    }

    pub(crate) fn file_type(&self, id: Id) -> FileType {
        match self.node(id).kind {
            Kind::Directory(_) => FileType::Directory,
            Kind::File(_) => FileType::File,
            Kind::Symlink(_) => FileType::Symlink,
        }
    }

    /// Whether the mount that the inode is in may be changed.
    pub(crate) fn writable(&self, id: Id) -> bool {
        self.mounts.get(usize::from(self.node(id).mount)).is_some_and(|m| m.writable)
    }

    /// A file descriptor was opened on the inode.
    pub(crate) fn opened(&mut self, id: Id) {
        let node = self.node_mut(id);
        node.opened = node.opened.saturating_add(1);
    }

    /// A file descriptor on the inode was closed.
    pub(crate) fn closed(&mut self, id: Id) {
        let node = self.node_mut(id);
        node.opened = node.opened.saturating_sub(1);
        self.release_if_gone(id);
    }

    /// Gives back what a file holds that has neither a name nor a descriptor any more.
    fn release_if_gone(&mut self, id: Id) {
        let node = self.node_mut(id);
        if node.parent.is_some() || node.opened > 0 {
            return;
        }
        let Kind::File(data) = &mut node.kind else { return };
        let freed = match data {
            Data::Written { bytes, .. } => bytes.len() as u64,
            Data::Loaded(_) => 0,
        };
        *data = Data::Loaded(File::from_bytes(Bytes::new(), false));
        self.used = self.used.saturating_sub(freed);
    }

    /// Charges `bytes` against the limit.
    fn charge(&mut self, bytes: u64) -> Result<(), Errno> {
        match self.used.checked_add(bytes) {
            Some(used) if used <= self.limit => {
                self.used = used;
                Ok(())
            }
            _ => {
                self.refused = true;
                Err(Errno::Nospc)
            }
        }
    }

    /// Number of the next thing that the process makes.
    fn next_number(&mut self) -> u64 {
        let number = number_of(&[b"new", &self.made.to_le_bytes()]);
        self.made += 1;
        number
    }

    fn push(&mut self, node: Inode) -> Id {
        // 2^32 inodes would need hundreds of gigabytes; saturating keeps this total without a panic.
        let id = Id(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        id
    }

    #[expect(clippy::indexing_slicing, reason = "ids are made by push alone and nodes are never removed")]
    fn node(&self, id: Id) -> &Inode {
        &self.nodes[id.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "ids are made by push alone and nodes are never removed")]
    fn node_mut(&mut self, id: Id) -> &mut Inode {
        &mut self.nodes[id.0 as usize]
    }

    fn directory(&self, id: Id) -> Result<&Directory, Errno> {
        match &self.node(id).kind {
            Kind::Directory(directory) => Ok(directory),
            _ => Err(Errno::Notdir),
        }
    }

    /// Marks the inode and all directories above it as changed.
    fn mark_dirty(&mut self, id: Id) {
        let mut at = Some(id);
        while let Some(id) = at {
            let node = self.node_mut(id);
            if node.dirty {
                return;
            }
            node.dirty = true;
            at = node.parent;
        }
    }

    /// Inode of a node that was loaded from `directory` under `name`.
    fn load(&mut self, directory: Id, name: Name, node: &Node, depth: u16) -> Id {
        let parent = self.node(directory);
        let (number, mount) = (number_of(&[&parent.number.to_le_bytes(), name.as_bytes()]), parent.mount);
        let kind = match node {
            Node::Directory(tree) => {
                Kind::Directory(Directory { base: tree.clone(), over: BTreeMap::new(), depth })
            }
            Node::File(file) => Kind::File(Data::Loaded(file.clone())),
            Node::Symlink(target) => Kind::Symlink(target.clone()),
        };
        self.push(Inode {
            number,
            mount,
            parent: Some(directory),
            origin: Some((directory, name)),
            kind,
            dirty: false,
            seen: Seen::default(),
            opened: 0,
        })
    }
}

/// First 8 bytes of BLAKE3 of the parts, little endian, and never 0, which some programs take for "no inode".
fn number_of(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first).max(1)
}

#[cfg(test)]
mod tests;
