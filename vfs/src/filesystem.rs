//! What each operation of the mounted store answers, apart from how it is asked.
//!
//! An inode is a place in a directory object, so what it is follows from its number for as long as the kernel
//! knows it, and nothing but the root ever changes.

mod attributes;
mod content;
mod directories;
mod inode;
mod listing;
mod reading;

use crate::{
    integrity::{Damage, Fault, Integrity},
    source::{Source, SourceError},
};
use content::Content;
use directories::{Directories, Opened};
use inode::{Inodes, Known, Package, Place, number, package_number};
use listing::Root;
use nuka_pir::{BlobId, Cid};
use nuka_store::{EntryName, MAX_NAME, Node, StoreError};
use std::{fs::File, sync::Arc};

pub(crate) use attributes::{Attributes, EPOCH_SECONDS, Kind};
pub(crate) use inode::ROOT;
pub(crate) use reading::{Detail, Entry, Sink};

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The kernel should not know this inode any more; or what it is of has been collected.
    Stale,
    NotADirectory,
    IsADirectory,
    NotASymlink,
    NameTooLong,
    /// Bytes that are wanted are not here, or are not the right ones. It was reported.
    Damaged,
    /// The source failed.
    Source,
}

/// What was found under a name. `lasting` says that the answer is the same forever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// None if there is no such name.
    pub(crate) attributes: Option<Attributes>,
    pub(crate) lasting: bool,
}

/// How full the filesystem is: bytes and nodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) bytes: u64,
    pub(crate) nodes: u64,
}

/// The mounted store.
#[derive(Debug)]
pub(crate) struct Filesystem {
    source: Arc<dyn Source>,
    integrity: Arc<Integrity>,
    inodes: Inodes,
    directories: Directories,
    content: Content,
    root: Root,
}

impl std::fmt::Debug for dyn Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

impl From<SourceError> for Failure {
    fn from(_: SourceError) -> Self {
        Self::Source
    }
}

impl Filesystem {
    pub(crate) fn new(source: Arc<dyn Source>, integrity: Arc<Integrity>) -> Self {
        Self {
            source,
            integrity,
            inodes: Inodes::default(),
            directories: Directories::default(),
            content: Content::default(),
            root: Root::default(),
        }
    }

    /// Looks for a name in a directory. What is found is known to the kernel from now on.
    pub(crate) fn lookup(&self, parent: u64, name: &[u8]) -> Result<Found, Failure> {
        if name.len() > MAX_NAME {
            return Err(Failure::NameTooLong);
        }
        if parent == ROOT {
            return self.lookup_package(name);
        }
        let opened = self.directory(parent)?;
        let entries = opened.directory().entries();
        let Ok(at) = entries.binary_search_by(|(entry, _)| entry.as_bytes().cmp(name)) else {
            return Ok(Found { attributes: None, lasting: true });
        };
        let (name, node) = entries.get(at).ok_or(Failure::Stale)?;
        let attributes = self.enter(parent, at, name, node);
        Ok(Found { attributes: Some(attributes), lasting: true })
    }

    fn lookup_package(&self, name: &[u8]) -> Result<Found, Failure> {
        let nothing = Found { attributes: None, lasting: false };
        let Ok(name) = EntryName::new(name) else { return Ok(nothing) };
        let Some(tree) = self.source.find(&name)? else { return Ok(nothing) };
        let package = Package { name, tree };
        let inode = self.inodes.enter_package(package_number(&package.name, &tree.cid), &package);
        Ok(Found { attributes: Some(self.directory_attributes(inode, &tree.cid)), lasting: false })
    }

    /// The kernel is told of an entry.
    fn enter(&self, parent: u64, at: usize, name: &EntryName, node: &Node) -> Attributes {
        // A directory object has fewer entries than fit into 32 bits.
        let place = Place { parent, index: u32::try_from(at).unwrap_or(u32::MAX - 1) };
        let inode = self.inodes.enter(number(parent, name), place);
        self.attributes_of(inode, node)
    }

    /// The kernel lets go of `count` of the answers that told it of an inode.
    pub(crate) fn forget(&self, inode: u64, count: u64) {
        self.inodes.forget(inode, count, |gone| self.directories.remove(gone));
    }

    /// How many inodes the kernel knows.
    pub(crate) fn known(&self) -> usize {
        self.inodes.len()
    }

    fn attributes_of(&self, inode: u64, node: &Node) -> Attributes {
        match node {
            Node::File { size, executable, .. } => Attributes::file(inode, *size, *executable),
            Node::Symlink { target } => Attributes::symlink(inode, target.as_bytes().len()),
            Node::Directory { cid, .. } => self.directory_attributes(inode, cid),
        }
    }

    /// A directory that cannot be read has attributes too, so that it can be seen where the damage is.
    fn directory_attributes(&self, inode: u64, cid: &Cid) -> Attributes {
        match self.open_directory(inode, cid) {
            Ok(opened) => Attributes::directory(inode, opened.subdirectories, opened.length),
            Err(_) => Attributes::unreadable_directory(inode),
        }
    }

    /// The attributes of an inode.
    pub(crate) fn attributes(&self, inode: u64) -> Result<Attributes, Failure> {
        if inode == ROOT {
            let listing = self.root.listing(&*self.source)?;
            return Ok(Attributes::root(&listing));
        }
        self.with_node(inode, |node| self.attributes_of(inode, node))
    }

    /// Where a symlink points.
    pub(crate) fn target(&self, inode: u64) -> Result<Vec<u8>, Failure> {
        if inode == ROOT {
            return Err(Failure::NotASymlink);
        }
        self.with_node(inode, |node| match node {
            Node::Symlink { target } => Ok(target.as_bytes().to_vec()),
            Node::File { .. } | Node::Directory { .. } => Err(Failure::NotASymlink),
        })?
    }

    /// Opens the object of a file, whose bytes are right as they are now. Also its length in bytes.
    pub(crate) fn open(&self, inode: u64) -> Result<(File, u64), Failure> {
        let (blob, size) = self.file(inode)?;
        let file = self
            .content
            .open_right(self.source.objects(), &self.integrity, &blob, size, &|| self.is_gone(inode))?;
        Ok((file, size))
    }

    /// The length of a file in bytes.
    pub(crate) fn length(&self, inode: u64) -> Result<u64, Failure> {
        Ok(self.file(inode)?.1)
    }

    /// Reads from a file into `buffer`.
    pub(crate) fn read<'b>(
        &self,
        inode: u64,
        offset: u64,
        length: usize,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], Failure> {
        let (blob, size) = self.file(inode)?;
        let wanted = content::Wanted { blob: &blob, size, offset, length };
        let gone = || self.is_gone(inode);
        self.content.read(self.source.objects(), &self.integrity, wanted, &gone, buffer)
    }

    fn file(&self, inode: u64) -> Result<(BlobId, u64), Failure> {
        if inode == ROOT {
            return Err(Failure::IsADirectory);
        }
        self.with_node(inode, |node| match node {
            Node::File { blob, size, .. } => Ok((*blob, *size)),
            Node::Directory { .. } | Node::Symlink { .. } => Err(Failure::IsADirectory),
        })?
    }

    /// How full the filesystem is.
    pub(crate) fn totals(&self) -> Result<Totals, Failure> {
        let (bytes, nodes) = self.root.listing(&*self.source)?.totals();
        Ok(Totals { bytes, nodes })
    }

    fn with_node<R>(&self, inode: u64, ask: impl FnOnce(&Node) -> R) -> Result<R, Failure> {
        match self.inodes.get(inode).ok_or(Failure::Stale)? {
            Known::Package(package) => Ok(ask(&package.tree.node())),
            Known::Entry(place) => {
                let opened = self.directory(place.parent)?;
                Ok(ask(node_at(&opened, place.index)?))
            }
        }
    }

    /// The directory object of a directory that is not the root.
    fn directory(&self, inode: u64) -> Result<Arc<Opened>, Failure> {
        // Upwards to one that is known, and down again.
        let (mut at, mut below) = (inode, Vec::new());
        let mut opened = loop {
            if let Some(opened) = self.directories.get(at) {
                break opened;
            }
            match self.inodes.get(at).ok_or(Failure::Stale)? {
                Known::Package(package) => break self.open_directory(at, &package.tree.cid)?,
                Known::Entry(place) => {
                    below.push((at, place.index));
                    at = place.parent;
                }
            }
        };
        for (inode, index) in below.into_iter().rev() {
            let Node::Directory { cid, .. } = node_at(&opened, index)? else {
                return Err(Failure::NotADirectory);
            };
            opened = self.open_directory(inode, cid)?;
        }
        Ok(opened)
    }

    /// Whether the package that an inode is part of is not the source's any more, having been collected, say: then what is
    /// missing of it is no damage. The kernel looks for the names again, and finds that they are not there.
    fn is_gone(&self, inode: u64) -> bool {
        let mut at = inode;
        loop {
            match self.inodes.get(at) {
                Some(Known::Entry(place)) => at = place.parent,
                Some(Known::Package(package)) => {
                    let is_it = |tree: nuka_store::Tree| tree.cid == package.tree.cid;
                    return self.source.find(&package.name).is_ok_and(|found| !found.is_some_and(is_it));
                }
                None => return true,
            }
        }
    }

    fn open_directory(&self, inode: u64, cid: &Cid) -> Result<Arc<Opened>, Failure> {
        if let Some(opened) = self.directories.get(inode) {
            return Ok(opened);
        }
        let objects = self.source.objects();
        let directory = directories::read(objects, cid).map_err(|fault| match fault {
            Fault::Store(StoreError::NoObject { .. }) if self.is_gone(inode) => Failure::Stale,
            fault => {
                let blob = BlobId::from(*cid);
                self.integrity.damaged(&Damage { blob, path: objects.blob_path(&blob), fault }, None);
                Failure::Damaged
            }
        })?;
        let opened = Arc::new(Opened::new(directory));
        self.directories.put(inode, &opened);
        Ok(opened)
    }
}

fn node_at(opened: &Opened, index: u32) -> Result<&Node, Failure> {
    let index = usize::try_from(index).map_err(|_| Failure::Stale)?;
    opened.directory().entries().get(index).map(|(_, node)| node).ok_or(Failure::Stale)
}
