//! Answers in fuser's words: attributes with an owner and times, and for how long the kernel may keep them.

use crate::filesystem::{Attributes, EPOCH_SECONDS, Entry, Found, Kind, Sink};
use fuser::{FileAttr, FileType, Generation, INodeNo, ReplyDirectory, ReplyDirectoryPlus, ReplyEntry};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    time::{Duration, SystemTime},
};

const DAY: Duration = Duration::from_secs(86_400);
const BLOCK: u32 = 4096;

/// For how long the kernel may keep what it is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// What may change: the root and its names.
    pub(crate) root: Duration,
}

impl Times {
    pub(crate) fn of(self, lasting: bool) -> Duration {
        if lasting { DAY } else { self.root }
    }
}

/// Whose the files are said to be.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) ids: (u32, u32),
    pub(crate) times: Times,
}

impl Owner {
    pub(crate) fn attributes(&self, attributes: &Attributes) -> FileAttr {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH_SECONDS);
        let changed = time + Duration::from_nanos(attributes.changed);
        let blocks = if attributes.kind == Kind::File { attributes.size.div_ceil(512) } else { 0 };
        FileAttr {
            ino: INodeNo(attributes.inode),
            size: attributes.size,
            blocks,
            atime: time,
            mtime: changed,
            ctime: changed,
            crtime: time,
            kind: file_type(attributes.kind),
            perm: attributes.mode,
            nlink: attributes.links,
            uid: self.ids.0,
            gid: self.ids.1,
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        }
    }

    /// The attributes themselves never change; that a name leads to them may.
    pub(crate) fn entry(&self, found: Found, reply: ReplyEntry) {
        let valid = self.times.of(found.lasting);
        match found.attributes {
            Some(attributes) => {
                reply.entry_with_ttls(&DAY, &valid, &self.attributes(&attributes), Generation(0));
            }
            // Inode 0: there is nothing, and that may be kept too.
            None => {
                let nothing =
                    Attributes { inode: 0, kind: Kind::File, mode: 0, size: 0, links: 0, changed: 0 };
                reply.entry(&valid, &self.attributes(&nothing), Generation(0));
            }
        }
    }
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::Directory => FileType::Directory,
        Kind::File => FileType::RegularFile,
        Kind::Symlink => FileType::Symlink,
    }
}

/// A listing of names.
pub(crate) struct Plain<'r> {
    pub(crate) reply: &'r mut ReplyDirectory,
}

impl Sink for Plain<'_> {
    fn plain(&mut self, entry: Entry<'_>) -> bool {
        let name = OsStr::from_bytes(entry.name);
        self.reply.add(INodeNo(entry.inode), entry.offset, file_type(entry.kind), name)
    }

    fn full(&mut self, entry: Entry<'_>, _attributes: &Attributes, _lasting: bool) -> bool {
        self.plain(entry)
    }
}

/// A listing with attributes.
pub(crate) struct Full<'r> {
    pub(crate) reply: &'r mut ReplyDirectoryPlus,
    pub(crate) owner: &'r Owner,
}

impl Sink for Full<'_> {
    fn plain(&mut self, _entry: Entry<'_>) -> bool {
        // Nobody asks this of it; a listing without attributes would be told as one that is full.
        true
    }

    fn full(&mut self, entry: Entry<'_>, attributes: &Attributes, lasting: bool) -> bool {
        let (name, valid) = (OsStr::from_bytes(entry.name), self.owner.times.of(lasting));
        let attributes = self.owner.attributes(attributes);
        self.reply.add(INodeNo(entry.inode), entry.offset, name, &valid, &attributes, Generation(0))
    }
}
