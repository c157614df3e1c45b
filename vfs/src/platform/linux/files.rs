//! Files as sandboxes and views need them.

use crate::view::Unavailable;
use rustix::{
    fd::{AsRawFd, BorrowedFd, OwnedFd},
    fs::{self, Mode, OFlags},
    io::Errno,
    thread::{CapabilitySet, capabilities},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Opens what is at a path, only to say which it is.
pub(crate) fn open_path(path: &Path) -> io::Result<OwnedFd> {
    Ok(fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// Where an open file is now.
pub(crate) fn real_path(file: &OwnedFd) -> io::Result<PathBuf> {
    fs_err::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Makes `to`, an empty file, share the bytes of `from`. `false` where the filesystem cannot.
pub(crate) fn reflink(to: BorrowedFd<'_>, from: BorrowedFd<'_>) -> bool {
    fs::ioctl_ficlone(to, from).is_ok()
}

/// Makes everything written to the filesystem of `file` durable.
pub(crate) fn sync_file_system(file: &OwnedFd) -> Result<(), Errno> {
    fs::syncfs(file)
}

/// Whether this process may mount without a user namespace.
pub(crate) fn privileged() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Whether this process, or one in a user namespace that it makes, may mount.
pub(crate) fn may_mount() -> Result<(), Unavailable> {
    if privileged() {
        return Ok(());
    }
    crate::probe::user_namespaces().map_err(|reason| Unavailable::NoUserNamespace { reason })
}
