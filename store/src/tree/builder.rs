//! Making a tree in memory, path by path, and storing its directory objects at the end.
//!
//! The builder holds the tree as an arena in which children always come after their parents, so that storing
//! it is one loop from the end: no recursion, however deep the tree.

use crate::{
    batch::Batch,
    directory::{Directory, DirectoryError, Node, Tree},
    error::StoreError,
    name::{EntryName, MAX_DEPTH, TreePath},
    reader::ObjectReader,
};
use std::collections::{BTreeMap, HashMap};

/// Why a node cannot be put where it should be.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is something at the path already.
    #[error("`{path}` comes twice: as {first}, and again as {second}")]
    Duplicate {
        /// The path.
        path: TreePath,
        /// What is there.
        first: &'static str,
        /// What was to be put there.
        second: &'static str,
    },
    /// The path leads through something that is not a directory.
    #[error("`{path}` cannot be: `{through}` is no directory ({kind})")]
    NotADirectory {
        /// The path.
        path: TreePath,
        /// The part of it that is not a directory.
        through: TreePath,
        /// What that is.
        kind: &'static str,
    },
    /// The path is deeper than a tree may be.
    #[error("the tree is too deep: depth limit {MAX_DEPTH} reached at {}", crate::name::shown_start(path))]
    TooDeep {
        /// The path.
        path: TreePath,
    },
    /// The root can only be a directory.
    #[error("the root of a tree can only be a directory ({kind})")]
    Root {
        /// What was to be put there.
        kind: &'static str,
    },
    /// A directory object cannot be read or stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug)]
enum Slot {
    /// A file, a symlink, or a directory whose object is stored already.
    Leaf(Node),
    /// A directory in the arena.
    Open(usize),
}

#[derive(Debug, Default)]
struct Open {
    entries: BTreeMap<EntryName, Slot>,
    /// Where it hangs: its parent and its name there. None for the root.
    parent: Option<(usize, EntryName)>,
    depth: usize,
}

/// A tree in the making.
#[derive(Debug)]
pub struct TreeBuilder {
    /// The root first; every directory after the one that holds it.
    arena: Vec<Open>,
    /// Depths of stored trees that were put in, so that each is measured once.
    depths: HashMap<nuka_pir::Cid, usize>,
}

impl Default for TreeBuilder {
    fn default() -> Self {
        Self { arena: vec![Open::default()], depths: HashMap::new() }
    }
}

impl TreeBuilder {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree that begins as the stored tree `cid`, and can be changed.
    pub fn from_tree(objects: &impl ObjectReader, cid: &nuka_pir::Cid) -> Result<Self, BuildError> {
        let mut builder = Self::new();
        let root = objects.directory(cid)?;
        for (name, node) in root.entries() {
            builder.insert(objects, &TreePath::root().join(name.clone()), node.clone())?;
        }
        Ok(builder)
    }

    /// Puts a node at a path, with the directories that lead to it. A directory node is a stored tree, which
    /// is read from `objects` if something is put into it later, and to see how deep it is.
    ///
    /// # Errors
    /// Anything that is there already is an error, as is a path through a file or a symlink.
    pub fn insert(
        &mut self,
        objects: &impl ObjectReader,
        path: &TreePath,
        node: Node,
    ) -> Result<(), BuildError> {
        let Some((name, parents)) = path.names().split_last() else {
            return Err(BuildError::Root { kind: node.kind() });
        };
        if path.depth() > MAX_DEPTH {
            return Err(BuildError::TooDeep { path: path.clone() });
        }
        if let Node::Directory { cid, .. } = &node
            && path.depth() + self.depth_of(objects, cid)? > MAX_DEPTH
        {
            return Err(BuildError::TooDeep { path: path.clone() });
        }
        let parent = self.open_directory(objects, path, parents)?;
        let Some(open) = self.arena.get_mut(parent) else { return Ok(()) };
        if let Some(first) = open.entries.get(name) {
            let (first, second) = (first.kind(), node.kind());
            return Err(BuildError::Duplicate { path: path.clone(), first, second });
        }
        open.entries.insert(name.clone(), Slot::Leaf(node));
        Ok(())
    }

    /// Makes sure that there is a directory at a path, with those that lead to it. One that is there is kept.
    pub fn insert_directory(
        &mut self,
        objects: &impl ObjectReader,
        path: &TreePath,
    ) -> Result<(), BuildError> {
        if path.depth() > MAX_DEPTH {
            return Err(BuildError::TooDeep { path: path.clone() });
        }
        match self.open_directory(objects, path, path.names()) {
            // The path itself is taken by something else.
            Err(BuildError::NotADirectory { through, kind, .. }) if through == *path => {
                Err(BuildError::Duplicate { path: path.clone(), first: kind, second: "directory" })
            }
            result => result.map(|_| ()),
        }
    }

    /// What is at a path: a directory that is not stored yet is `None` within `Some`.
    pub fn get(&self, path: &TreePath) -> Option<Option<&Node>> {
        let mut at = 0;
        let mut found = None;
        for (index, name) in path.names().iter().enumerate() {
            match self.arena.get(at)?.entries.get(name)? {
                Slot::Open(next) => at = *next,
                Slot::Leaf(node) if index + 1 == path.depth() => found = Some(node),
                Slot::Leaf(_) => return None,
            }
        }
        Some(found)
    }

    /// The name of the root's only entry, if that is a directory and there is nothing beside it.
    pub fn only_directory(&self) -> Option<&EntryName> {
        let entries = &self.arena.first()?.entries;
        match entries.first_key_value() {
            Some((name, Slot::Open(_) | Slot::Leaf(Node::Directory { .. }))) if entries.len() == 1 => {
                Some(name)
            }
            _ => None,
        }
    }

    /// Finds or makes the directory at `names`, the beginning of `path`. Returns its place in the arena.
    fn open_directory(
        &mut self,
        objects: &impl ObjectReader,
        path: &TreePath,
        names: &[EntryName],
    ) -> Result<usize, BuildError> {
        let mut at = 0;
        for (index, name) in names.iter().enumerate() {
            let next = self.arena.len();
            let Some(open) = self.arena.get_mut(at) else { break };
            let found = match open.entries.get(name) {
                Some(Slot::Open(found)) => {
                    at = *found;
                    continue;
                }
                Some(Slot::Leaf(Node::Directory { cid, .. })) => Some(*cid),
                Some(Slot::Leaf(other)) => {
                    let through = names.iter().take(index + 1).cloned().collect();
                    return Err(BuildError::NotADirectory {
                        path: path.clone(),
                        through,
                        kind: other.kind(),
                    });
                }
                None => None,
            };
            let mut entries = BTreeMap::new();
            if let Some(cid) = found {
                let stored = objects.directory(&cid)?;
                entries.extend(
                    stored.entries().iter().map(|(name, node)| (name.clone(), Slot::Leaf(node.clone()))),
                );
            }
            open.entries.insert(name.clone(), Slot::Open(next));
            self.arena.push(Open { entries, parent: Some((at, name.clone())), depth: index + 1 });
            at = next;
        }
        Ok(at)
    }

    /// How many levels are below a stored directory: 0 if it is empty.
    fn depth_of(&mut self, objects: &impl ObjectReader, cid: &nuka_pir::Cid) -> Result<usize, BuildError> {
        if let Some(depth) = self.depths.get(cid) {
            return Ok(*depth);
        }
        // Breadth first, so that a hostile tree is left when it is too deep and each object is read once.
        let (mut level, mut depth) = (vec![*cid], 0);
        let mut seen = std::collections::HashSet::new();
        while !level.is_empty() && depth <= MAX_DEPTH {
            let mut next = Vec::new();
            let mut any = false;
            for cid in &level {
                let directory = objects.directory(cid)?;
                any |= !directory.is_empty();
                for (_, node) in directory.entries() {
                    if let Node::Directory { cid, .. } = node
                        && seen.insert((*cid, depth))
                    {
                        next.push(*cid);
                    }
                }
            }
            depth += usize::from(any);
            level = next;
        }
        self.depths.insert(*cid, depth);
        Ok(depth)
    }

    /// Stores the directory objects and returns the tree. Only the directory at `below` and what is in it is
    /// stored; `None` if there is no directory.
    pub fn finish_at(mut self, batch: &Batch, below: &TreePath) -> Result<Option<Tree>, BuildError> {
        let mut start = 0;
        for name in below.names() {
            let found = self.arena.get(start).and_then(|open| open.entries.get(name));
            match found {
                Some(Slot::Open(next)) => start = *next,
                Some(Slot::Leaf(Node::Directory { cid, .. })) => {
                    let rest: TreePath =
                        below.names().iter().skip(self.depth_at(start) + 1).cloned().collect();
                    return stored_below(batch, *cid, &rest);
                }
                Some(Slot::Leaf(_)) | None => return Ok(None),
            }
        }
        let mut root = None;
        while let Some(open) = self.arena.pop() {
            let at = self.arena.len();
            if at < start {
                break;
            }
            // Everything below it came after it, and is stored by now.
            let entries = open.entries.into_iter().filter_map(|(name, slot)| match slot {
                Slot::Leaf(node) => Some((name, node)),
                Slot::Open(_) => None,
            });
            let directory = Directory::new(entries.collect()).map_err(invalid)?;
            if at != start && !self.is_below(open.parent.as_ref(), start) {
                continue;
            }
            let tree = batch.add_directory(&directory)?;
            match open.parent {
                Some((parent, name)) if at != start => {
                    if let Some(parent) = self.arena.get_mut(parent) {
                        parent.entries.insert(name, Slot::Leaf(tree.node()));
                    }
                }
                _ => root = Some(tree),
            }
        }
        Ok(root)
    }

    /// Stores the directory objects and returns the tree.
    pub fn finish(self, batch: &Batch) -> Result<Tree, BuildError> {
        match self.finish_at(batch, &TreePath::root())? {
            Some(tree) => Ok(tree),
            // The arena always holds its root.
            None => Ok(batch.add_directory(&Directory::default())?),
        }
    }

    fn depth_at(&self, at: usize) -> usize {
        self.arena.get(at).map_or(0, |open| open.depth)
    }

    fn is_below<'s>(&'s self, mut parent: Option<&'s (usize, EntryName)>, start: usize) -> bool {
        while let Some((at, _)) = parent {
            if *at == start {
                return true;
            }
            parent = self.arena.get(*at).and_then(|open| open.parent.as_ref());
        }
        start == 0
    }
}

fn invalid(source: DirectoryError) -> StoreError {
    StoreError::InvalidDirectory { source }
}

/// The tree at a path below a stored one.
fn stored_below(
    objects: &impl ObjectReader,
    cid: nuka_pir::Cid,
    path: &TreePath,
) -> Result<Option<Tree>, BuildError> {
    let mut directory = objects.directory(&cid)?;
    for name in path.names() {
        match directory.get(name.as_bytes()) {
            Some(Node::Directory { cid, .. }) => directory = objects.directory(cid)?,
            _ => return Ok(None),
        }
    }
    Ok(Some(directory.tree()))
}

impl Slot {
    fn kind(&self) -> &'static str {
        match self {
            Self::Leaf(node) => node.kind(),
            Self::Open(_) => "directory",
        }
    }
}
