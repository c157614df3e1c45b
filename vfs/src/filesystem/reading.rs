//! Listing directories: from any offset on, in an order that stays.
//!
//! Offsets count entries: `.` is the first, `..` the second, then the names in byte order. At the root they follow
//! from the names, because the list changes there.

use super::{
    Attributes, Failure, Filesystem, Kind,
    inode::{Known, ROOT, number},
    listing::Listed,
};
use nuka_store::{EntryName, Node};

/// One entry, as a plain listing has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) inode: u64,
    /// Where a reader is who has read this entry.
    pub(crate) offset: u64,
    pub(crate) kind: Kind,
    pub(crate) name: &'a [u8],
}

/// What takes the entries of a listing, and says whether it is full and did not take this one.
pub(crate) trait Sink {
    fn plain(&mut self, entry: Entry<'_>) -> bool;
    /// An entry with its attributes, which the kernel keeps if `lasting`, and then knows the inode.
    fn full(&mut self, entry: Entry<'_>, attributes: &Attributes, lasting: bool) -> bool;
}

/// Whether attributes are wanted with the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    Names,
    Attributes,
}

impl Filesystem {
    /// Gives the entries after `offset` to `sink`, until it is full.
    pub(crate) fn list(
        &self,
        inode: u64,
        offset: u64,
        detail: Detail,
        sink: &mut impl Sink,
    ) -> Result<(), Failure> {
        let parent = match self.inodes.get(inode) {
            Some(Known::Entry(place)) => place.parent,
            Some(Known::Package(_)) => ROOT,
            None if inode == ROOT => ROOT,
            None => return Err(Failure::Stale),
        };
        let dots = [(inode, 1, b".".as_slice()), (parent, 2, b"..")];
        for (inode, at, name) in dots.into_iter().filter(|(_, at, _)| *at > offset) {
            let entry = Entry { inode, offset: at, kind: Kind::Directory, name };
            let full = match detail {
                Detail::Names => sink.plain(entry),
                // The kernel takes only the name and the number of these two.
                Detail::Attributes => sink.full(entry, &Attributes::unreadable_directory(inode), false),
            };
            if full {
                return Ok(());
            }
        }
        if inode == ROOT {
            return self.list_packages(offset, detail, sink);
        }
        let opened = self.directory(inode)?;
        let start = usize::try_from(offset.saturating_sub(2)).unwrap_or(usize::MAX);
        for (at, (name, node)) in opened.directory().entries().iter().enumerate().skip(start) {
            if self.list_entry(inode, at, name, node, detail, sink) {
                break;
            }
        }
        Ok(())
    }

    fn list_entry(
        &self,
        parent: u64,
        at: usize,
        name: &EntryName,
        node: &Node,
        detail: Detail,
        sink: &mut impl Sink,
    ) -> bool {
        let kind = match node {
            Node::File { .. } => Kind::File,
            Node::Directory { .. } => Kind::Directory,
            Node::Symlink { .. } => Kind::Symlink,
        };
        let entry = |inode| Entry { inode, offset: at as u64 + 3, kind, name: name.as_bytes() };
        if detail == Detail::Names {
            return sink.plain(entry(number(parent, name)));
        }
        let attributes = self.enter(parent, at, name, node);
        let full = sink.full(entry(attributes.inode), &attributes, true);
        if full {
            self.forget(attributes.inode, 1);
        }
        full
    }

    fn list_packages(&self, offset: u64, detail: Detail, sink: &mut impl Sink) -> Result<(), Failure> {
        for listed in self.root.listing(&*self.source)?.after(offset) {
            if self.list_package(listed, detail, sink) {
                break;
            }
        }
        Ok(())
    }

    fn list_package(&self, listed: &Listed, detail: Detail, sink: &mut impl Sink) -> bool {
        let Listed { offset, number, package } = listed;
        let name = package.name.as_bytes();
        let entry = |inode| Entry { inode, offset: *offset, kind: Kind::Directory, name };
        if detail == Detail::Names {
            return sink.plain(entry(*number));
        }
        let inode = self.inodes.enter_package(*number, package);
        let attributes = self.directory_attributes(inode, &package.tree.cid);
        let full = sink.full(entry(inode), &attributes, false);
        if full {
            self.forget(inode, 1);
        }
        full
    }
}
