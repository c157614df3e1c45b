//! The mounted store as FUSE asks for it: requests become calls of [`Filesystem`], answers replies.
//!
//! The mount is read-only, so the kernel refuses most changes itself; those that reach this module all the same
//! (somebody may mount again, writable) are refused here.
//!
//! Nothing is given to the kernel unasked. Storing the next files in its cache (`FUSE_NOTIFY_STORE`) halves the time of
//! reading many small ones, but the thread that stores may wait, where not even a kill reaches it, for a page that stays
//! locked until another thread has answered: if the server is killed just then, nobody answers, and all hang.

mod backing;
mod capabilities;
mod reply;

use crate::filesystem::{Detail, Failure, Filesystem, ROOT};
use fuser::{
    AccessFlags, BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, FopenFlags, INodeNo, IoctlFlags,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr,
    Request, TimeOrNow, WriteFlags,
};
use reply::{Full, Owner, Plain};
use std::{
    cell::RefCell,
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

pub(crate) use backing::Backing;
pub use backing::PassthroughState;
pub(crate) use reply::Times;

/// No size or handle is given a meaning.
const NO_HANDLE: FileHandle = FileHandle(0);
const BLOCK: u32 = 4096;

/// What a mount is served with.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) owner: (u32, u32),
    pub(crate) times: Times,
    pub(crate) passthrough: bool,
}

/// What came of the settings when the kernel was asked.
#[derive(Debug, Default)]
pub(crate) struct Agreed {
    /// Files are opened without asking.
    pub(crate) no_open: bool,
    /// Directories are.
    pub(crate) no_opendir: bool,
    /// Files can be handed to the kernel.
    pub(crate) passthrough: bool,
}

/// The binding.
#[derive(Debug)]
pub(crate) struct Binding {
    filesystem: Arc<Filesystem>,
    owner: Owner,
    passthrough: bool,
    agreed: Arc<OnceLock<Agreed>>,
    backing: Arc<Backing>,
}

thread_local! {
    /// Where each serving thread reads to.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Binding {
    pub(crate) fn new(filesystem: Arc<Filesystem>, settings: Settings) -> Self {
        Self {
            filesystem,
            owner: Owner { ids: settings.owner, times: settings.times },
            passthrough: settings.passthrough,
            agreed: Arc::default(),
            backing: Arc::default(),
        }
    }

    /// What the kernel agreed to; filled in when the mount begins.
    pub(crate) fn agreed(&self) -> Arc<OnceLock<Agreed>> {
        Arc::clone(&self.agreed)
    }

    /// What became of handing files to the kernel.
    pub(crate) fn backing(&self) -> Arc<Backing> {
        Arc::clone(&self.backing)
    }

    fn agrees(&self, what: impl FnOnce(&Agreed) -> bool) -> bool {
        self.agreed.get().is_some_and(what)
    }
}

fn errno(failure: Failure) -> Errno {
    match failure {
        Failure::Stale => Errno::ESTALE,
        Failure::NotADirectory => Errno::ENOTDIR,
        Failure::IsADirectory => Errno::EISDIR,
        Failure::NotASymlink => Errno::EINVAL,
        Failure::NameTooLong => Errno::ENAMETOOLONG,
        Failure::Damaged | Failure::Source => Errno::EIO,
    }
}

#[allow(clippy::too_many_arguments, reason = "fuser's methods have them")]
impl fuser::Filesystem for Binding {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Called once; a second time would change nothing.
        let _ = self.agreed.set(capabilities::agree(config, self.passthrough));
        Ok(())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.filesystem.lookup(parent.0, name.as_bytes()) {
            Ok(found) => self.owner.entry(found, reply),
            Err(failure) => reply.error(errno(failure)),
        }
    }

    fn forget(&self, _request: &Request, inode: INodeNo, count: u64) {
        self.filesystem.forget(inode.0, count);
    }

    fn getattr(&self, _request: &Request, inode: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        match self.filesystem.attributes(inode.0) {
            Ok(attributes) => {
                let lasting = inode.0 != ROOT;
                reply.attr(&self.owner.times.of(lasting), &self.owner.attributes(&attributes));
            }
            Err(failure) => reply.error(errno(failure)),
        }
    }

    fn readlink(&self, _request: &Request, inode: INodeNo, reply: ReplyData) {
        match self.filesystem.target(inode.0) {
            Ok(target) => reply.data(&target),
            Err(failure) => reply.error(errno(failure)),
        }
    }

    fn open(&self, _request: &Request, inode: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        if flags.acc_mode() != fuser::OpenAccMode::O_RDONLY {
            return reply.error(Errno::EROFS);
        }
        if self.agrees(|agreed| agreed.no_open) {
            // From now on the kernel opens files without asking, and keeps what it has read of them.
            return reply.error(Errno::ENOSYS);
        }
        if self.agrees(|agreed| agreed.passthrough) {
            return self.backing.open(&self.filesystem, inode.0, reply);
        }
        reply.opened(NO_HANDLE, FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH);
    }

    fn release(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.backing.release(inode.0);
        reply.ok();
    }

    fn read(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        BUFFER.with_borrow_mut(|buffer| match self.filesystem.read(inode.0, offset, length, buffer) {
            Ok(bytes) => reply.data(bytes),
            Err(failure) => reply.error(errno(failure)),
        });
    }

    fn opendir(&self, _request: &Request, _inode: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        if self.agrees(|agreed| agreed.no_opendir) {
            return reply.error(Errno::ENOSYS);
        }
        reply.opened(NO_HANDLE, FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR);
    }

    fn readdir(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        match self.filesystem.list(inode.0, offset, Detail::Names, &mut Plain { reply: &mut reply }) {
            Ok(()) => reply.ok(),
            Err(failure) => reply.error(errno(failure)),
        }
    }

    fn readdirplus(
        &self,
        _request: &Request,
        inode: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let mut full = Full { reply: &mut reply, owner: &self.owner };
        match self.filesystem.list(inode.0, offset, Detail::Attributes, &mut full) {
            Ok(()) => reply.ok(),
            Err(failure) => reply.error(errno(failure)),
        }
    }

    fn statfs(&self, _request: &Request, _inode: INodeNo, reply: ReplyStatfs) {
        match self.filesystem.totals() {
            Ok(totals) => {
                let blocks = totals.bytes.div_ceil(u64::from(BLOCK));
                reply.statfs(blocks, 0, 0, totals.nodes, 0, BLOCK, 255, BLOCK);
            }
            Err(failure) => reply.error(errno(failure)),
        }
    }

    fn listxattr(&self, _request: &Request, _inode: INodeNo, size: u32, reply: ReplyXattr) {
        if size == 0 { reply.size(0) } else { reply.data(&[]) }
    }

    /// There are none. The kernel remembers this answer and does not ask again.
    fn getxattr(&self, _request: &Request, _inode: INodeNo, _name: &OsStr, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn access(&self, _request: &Request, _inode: INodeNo, mask: AccessFlags, reply: ReplyEmpty) {
        if mask.contains(AccessFlags::W_OK) { reply.error(Errno::EROFS) } else { reply.ok() }
    }

    fn flush(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn fsync(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _data: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _data: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn ioctl(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _flags: IoctlFlags,
        _command: u32,
        _data: &[u8],
        _size: u32,
        reply: ReplyIoctl,
    ) {
        reply.error(Errno::ENOTTY);
    }

    // What would change something.

    fn setattr(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        _size: Option<u64>,
        _accessed: Option<TimeOrNow>,
        _modified: Option<TimeOrNow>,
        _changed: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _created: Option<SystemTime>,
        _changed_time: Option<SystemTime>,
        _backed_up: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        reply.error(Errno::EROFS);
    }

    fn mknod(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _umask: u32,
        _device: u32,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn mkdir(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn unlink(&self, _request: &Request, _parent: INodeNo, _name: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }

    fn rmdir(&self, _request: &Request, _parent: INodeNo, _name: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }

    fn symlink(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _target: &Path,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn rename(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _new_parent: INodeNo,
        _new_name: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn link(&self, _request: &Request, _inode: INodeNo, _parent: INodeNo, _name: &OsStr, reply: ReplyEntry) {
        reply.error(Errno::EROFS);
    }

    fn write(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _offset: u64,
        _data: &[u8],
        _write: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        reply.error(Errno::EROFS);
    }

    fn create(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        reply.error(Errno::EROFS);
    }

    fn setxattr(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _name: &OsStr,
        _value: &[u8],
        _flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn removexattr(&self, _request: &Request, _inode: INodeNo, _name: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }

    fn fallocate(
        &self,
        _request: &Request,
        _inode: INodeNo,
        _handle: FileHandle,
        _offset: u64,
        _length: u64,
        _mode: i32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn copy_file_range(
        &self,
        _request: &Request,
        _from: INodeNo,
        _from_handle: FileHandle,
        _from_offset: u64,
        _to: INodeNo,
        _to_handle: FileHandle,
        _to_offset: u64,
        _length: u64,
        _flags: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        reply.error(Errno::EROFS);
    }
}
