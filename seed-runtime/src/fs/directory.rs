//! Looking into directories: one name, or all of them.

use super::{Directory, Errno, FileType, Fs, Id, Kind, Name, number_of};
use crate::tree::Node;

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) number: u64,
    pub(crate) kind: FileType,
}

impl Fs {
    /// The inode called `name` in a directory, loaded if it was not yet. A name that was not there when the
    /// tree came in is remembered as looked for.
    pub(super) fn child(&mut self, directory: Id, name: &[u8]) -> Result<Option<Id>, Errno> {
        let inside = self.directory(directory)?;
        if let Some(slot) = inside.over.get(name) {
            return Ok(*slot);
        }
        let depth = inside.depth + 1;
        let Some(node) = inside.base.entry(name).cloned() else {
            self.note_absent(directory, name);
            return Ok(None);
        };
        let name = Name::new(name).map_err(|_| Errno::Inval)?;
        let id = self.load(directory, name.clone(), &node, depth);
        if let Kind::Directory(inside) = &mut self.node_mut(directory).kind {
            inside.over.insert(name, Some(id));
        }
        Ok(Some(id))
    }

    fn note_absent(&mut self, directory: Id, name: &[u8]) {
        let node = self.node_mut(directory);
        if node.seen.absent.contains(name) {
            return;
        }
        if let Ok(name) = Name::new(name) {
            node.seen.absent.insert(name);
        }
    }

    /// All entries of a directory, sorted by name, with `.` and `..` first.
    pub(crate) fn list(&mut self, id: Id) -> Result<Vec<Entry>, Errno> {
        self.node_mut(id).seen.listing = true;
        let (number, parent) = (self.node(id).number, self.node(id).parent);
        let above = parent.map_or(number, |p| self.node(p).number);
        let mut entries = vec![
            Entry { name: b".".to_vec(), number, kind: FileType::Directory },
            Entry { name: b"..".to_vec(), number: above, kind: FileType::Directory },
        ];
        let directory = self.directory(id)?;
        let mut over = directory.over.iter().peekable();
        let entry = |name: &Name, id: Id| Entry {
            name: name.as_bytes().to_vec(),
            number: self.node(id).number,
            kind: self.file_type(id),
        };
        for (name, node) in directory.base.iter() {
            while let Some((new, slot)) = over.next_if(|(new, _)| *new < name) {
                entries.extend(slot.map(|id| entry(new, id)));
            }
            if let Some((_, slot)) = over.next_if(|(new, _)| *new == name) {
                entries.extend(slot.map(|id| entry(name, id)));
                continue;
            }
            let kind = match node {
                Node::Directory(_) => FileType::Directory,
                Node::File(_) => FileType::File,
                Node::Symlink(_) => FileType::Symlink,
            };
            let number = number_of(&[&number.to_le_bytes(), name.as_bytes()]);
            entries.push(Entry { name: name.as_bytes().to_vec(), number, kind });
        }
        for (new, slot) in over {
            entries.extend(slot.map(|id| entry(new, id)));
        }
        Ok(entries)
    }

    /// Whether a directory has no entries; looking is noted as a listing.
    pub(super) fn is_empty(&mut self, id: Id) -> Result<bool, Errno> {
        self.node_mut(id).seen.listing = true;
        Ok(self.directory(id)?.is_empty())
    }
}

impl Directory {
    fn is_empty(&self) -> bool {
        // Every name of the base that is hidden by a removal has a slot of its own.
        let hidden = self.over.iter().filter(|(name, _)| self.base.entry(name.as_bytes()).is_some()).count();
        self.over.values().all(Option::is_none) && hidden == self.base.len()
    }
}
