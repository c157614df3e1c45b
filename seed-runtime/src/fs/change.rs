//! Changing directories: making, removing, renaming and copying entries.

use bytes::Bytes;

use super::{Data, Directory, Errno, FileType, Fs, Id, Inode, Kind, NEW_NODE_COST, Seen};
use crate::tree::{MAX_DEPTH, Name, Tree};

impl Fs {
    /// Makes an empty file. The caller has seen that nothing has that name.
    pub(crate) fn create_file(&mut self, directory: Id, name: &[u8]) -> Result<Id, Errno> {
        self.create(directory, name, Kind::File(Data::Written { bytes: Vec::new(), executable: false }))
    }

    /// Makes an empty directory.
    pub(crate) fn create_directory(&mut self, directory: Id, name: &[u8]) -> Result<Id, Errno> {
        let depth = self.directory(directory)?.depth + 1;
        if usize::from(depth) >= MAX_DEPTH {
            return Err(Errno::Nametoolong);
        }
        let inside = Directory { base: Tree::new(), over: std::collections::BTreeMap::new(), depth };
        self.create(directory, name, Kind::Directory(inside))
    }

    /// Makes a symlink with that target.
    pub(crate) fn create_symlink(&mut self, directory: Id, name: &[u8], target: Bytes) -> Result<Id, Errno> {
        if target.is_empty() || target.contains(&0) {
            return Err(Errno::Inval);
        }
        self.charge(target.len() as u64)?;
        self.create(directory, name, Kind::Symlink(target))
    }

    /// Gives a file or symlink a second name. Trees have no hard links, so it is a copy from then on.
    pub(crate) fn link(&mut self, from: Id, directory: Id, name: &[u8]) -> Result<Id, Errno> {
        let kind = match &self.node(from).kind {
            Kind::Directory(_) => return Err(Errno::Perm),
            Kind::Symlink(target) => Kind::Symlink(target.clone()),
            Kind::File(Data::Loaded(file)) => Kind::File(Data::Loaded(file.clone())),
            Kind::File(Data::Written { bytes, executable }) => {
                let (bytes, executable) = (bytes.clone(), *executable);
                self.charge(bytes.len() as u64)?;
                Kind::File(Data::Written { bytes, executable })
            }
        };
        self.node_mut(from).seen.content = true;
        self.create(directory, name, kind)
    }

    fn create(&mut self, directory: Id, name: &[u8], kind: Kind) -> Result<Id, Errno> {
        self.may_change(directory)?;
        let name = Name::new(name).map_err(|_| Errno::Inval)?;
        if self.child(directory, name.as_bytes())?.is_some() {
            return Err(Errno::Exist);
        }
        // A directory that was removed while it is open takes no new entries.
        if self.is_detached(directory) {
            return Err(Errno::Noent);
        }
        self.charge(NEW_NODE_COST)?;
        let number = self.next_number();
        let mount = self.node(directory).mount;
        let id = self.push(Inode {
            number,
            mount,
            parent: Some(directory),
            origin: None,
            kind,
            dirty: true,
            seen: Seen::default(),
            opened: 0,
        });
        self.put(directory, name, Some(id));
        Ok(id)
    }

    /// Removes a file or symlink.
    pub(crate) fn unlink(&mut self, directory: Id, name: &[u8]) -> Result<(), Errno> {
        let id = self.child(directory, name)?.ok_or(Errno::Noent)?;
        self.may_change(directory)?;
        if self.is_directory(id) {
            return Err(Errno::Isdir);
        }
        self.detach(directory, name, id)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&mut self, directory: Id, name: &[u8]) -> Result<(), Errno> {
        let id = self.child(directory, name)?.ok_or(Errno::Noent)?;
        self.may_change(directory)?;
        if !self.is_directory(id) {
            return Err(Errno::Notdir);
        }
        if !self.is_empty(id)? {
            return Err(Errno::Notempty);
        }
        self.detach(directory, name, id)
    }

    /// Moves an entry, replacing a file by a file or an empty directory by a directory.
    pub(crate) fn rename(&mut self, from: (Id, &[u8]), to: (Id, &[u8])) -> Result<(), Errno> {
        let id = self.child(from.0, from.1)?.ok_or(Errno::Noent)?;
        self.may_change(from.0)?;
        self.may_change(to.0)?;
        if self.node(from.0).mount != self.node(to.0).mount {
            // Programs answer EXDEV by copying, but preview 1 programs rarely do; so it is named plainly.
            return Err(Errno::Notcapable);
        }
        let old = self.child(to.0, to.1)?;
        if old == Some(id) {
            return Ok(());
        }
        let name = Name::new(to.1).map_err(|_| Errno::Inval)?;
        if self.is_detached(to.0) {
            return Err(Errno::Noent);
        }
        if self.is_directory(id) {
            if self.is_below(to.0, id) {
                return Err(Errno::Inval);
            }
            let deepest = usize::from(self.directory(to.0)?.depth) + 1 + self.height(id);
            if deepest >= MAX_DEPTH {
                return Err(Errno::Nametoolong);
            }
        }
        if let Some(old) = old {
            match (self.file_type(id), self.file_type(old)) {
                (FileType::Directory, FileType::Directory) if !self.is_empty(old)? => {
                    return Err(Errno::Notempty);
                }
                (FileType::Directory, FileType::Directory) => {}
                (FileType::Directory, _) => return Err(Errno::Notdir),
                (_, FileType::Directory) => return Err(Errno::Isdir),
                _ => {}
            }
        }
        // What is moved is read: its content now stands elsewhere.
        self.note_moved(id);
        if let Some(old) = old {
            self.detach(to.0, to.1, old)?;
        }
        self.charge(NEW_NODE_COST)?;
        self.put(from.0, Name::new(from.1).map_err(|_| Errno::Inval)?, None);
        self.put(to.0, name, Some(id));
        self.node_mut(id).parent = Some(to.0);
        let depth = self.directory(to.0)?.depth + 1;
        self.set_depth(id, depth);
        Ok(())
    }

    fn may_change(&self, directory: Id) -> Result<(), Errno> {
        if self.writable(directory) { Ok(()) } else { Err(Errno::Rofs) }
    }

    /// Whether the directory was removed, or is in one that was. A removed directory is empty, so only it
    /// itself needs to be looked at.
    fn is_detached(&self, directory: Id) -> bool {
        let node = self.node(directory);
        node.parent.is_none() && !self.mounts.iter().any(|m| m.root == directory)
    }

    fn put(&mut self, directory: Id, name: Name, slot: Option<Id>) {
        if let Kind::Directory(inside) = &mut self.node_mut(directory).kind {
            inside.over.insert(name, slot);
        }
        self.mark_dirty(directory);
    }

    fn detach(&mut self, directory: Id, name: &[u8], id: Id) -> Result<(), Errno> {
        self.put(directory, Name::new(name).map_err(|_| Errno::Inval)?, None);
        self.node_mut(id).parent = None;
        self.release_if_gone(id);
        Ok(())
    }

    /// Whether `id` is `above` or somewhere below it.
    fn is_below(&self, id: Id, above: Id) -> bool {
        let mut at = Some(id);
        while let Some(id) = at {
            if id == above {
                return true;
            }
            at = self.node(id).parent;
        }
        false
    }

    /// How many directories nest below this one. Iterative; looks at what is loaded and at what is not.
    fn height(&self, id: Id) -> usize {
        let (mut deepest, mut loaded, mut unloaded) = (0, vec![(id, 0)], Vec::new());
        while let Some((id, depth)) = loaded.pop() {
            deepest = deepest.max(depth);
            let Kind::Directory(inside) = &self.node(id).kind else { continue };
            loaded.extend(
                inside.over.values().flatten().filter(|i| self.is_directory(**i)).map(|i| (*i, depth + 1)),
            );
            let hidden = |name: &Name| inside.over.contains_key(name);
            let below = inside.base.iter().filter(|(name, _)| !hidden(name));
            unloaded.extend(below.filter_map(|(_, n)| n.as_directory()).map(|tree| (tree, depth + 1)));
        }
        while let Some((tree, depth)) = unloaded.pop() {
            deepest = deepest.max(depth);
            unloaded.extend(tree.iter().filter_map(|(_, n)| n.as_directory()).map(|tree| (tree, depth + 1)));
        }
        deepest
    }

    /// Sets the depth of a directory that was moved, and of those loaded below it.
    fn set_depth(&mut self, id: Id, depth: u16) {
        let mut todo = vec![(id, depth)];
        while let Some((id, depth)) = todo.pop() {
            if let Kind::Directory(inside) = &mut self.node_mut(id).kind {
                inside.depth = depth;
                todo.extend(inside.over.values().flatten().map(|i| (*i, depth + 1)));
            }
        }
    }
}
