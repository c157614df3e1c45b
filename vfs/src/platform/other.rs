//! Systems where nuka cannot mount.

use super::Prepared;
use crate::{
    mount::{MountError, MountMeans, MountOptions, Unavailable},
    namespace::NamespaceError,
    sandbox::{Plan, SandboxError},
    view::{self, Composed},
};
use rustix::{
    fd::{BorrowedFd, OwnedFd},
    io::Errno,
};
use std::{
    ffi::CStr,
    io,
    path::{Path, PathBuf},
    process::{Child, Command},
};

pub(crate) fn ids() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

pub(crate) fn prepare(_options: &MountOptions) -> Result<Prepared, MountError> {
    Err(MountError::Unsupported)
}

pub(crate) fn attach(_mount: &OwnedFd, _place: &Path) -> Result<(), MountError> {
    Err(MountError::Unsupported)
}

pub(crate) fn mount_table() -> io::Result<Vec<u8>> {
    Ok(Vec::new())
}

pub(crate) fn unmount(_place: &Path, _detach: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn probe_means(
    _means: MountMeans,
    _device: &Path,
    _programs: &[&Path],
) -> Result<(), Unavailable> {
    Err(Unavailable::Unsupported)
}

pub(crate) fn enter_user_namespace() -> Result<(), NamespaceError> {
    Err(NamespaceError::Unsupported)
}

pub(crate) fn enter_mount_namespace() -> Result<(), NamespaceError> {
    Err(NamespaceError::Unsupported)
}

pub(crate) fn join(_process: u32) -> Result<(), NamespaceError> {
    Err(NamespaceError::Unsupported)
}

pub(crate) fn die_with_parent(_parent: u32) -> Result<(), NamespaceError> {
    Err(NamespaceError::Unsupported)
}

pub(crate) fn open_path(path: &Path) -> io::Result<OwnedFd> {
    Ok(std::fs::File::open(path)?.into())
}

pub(crate) fn real_path(_file: &OwnedFd) -> io::Result<PathBuf> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn reflink(_to: BorrowedFd<'_>, _from: BorrowedFd<'_>) -> bool {
    false
}

pub(crate) fn sync_file_system(file: &OwnedFd) -> Result<(), Errno> {
    rustix::fs::sync();
    rustix::fs::fsync(file)
}

pub(crate) fn privileged() -> bool {
    false
}

pub(crate) fn mount_image(_image: &Path, _objects: &Path) -> Result<OwnedFd, (&'static str, io::Error)> {
    Err(("mount an image", io::ErrorKind::Unsupported.into()))
}

pub(crate) fn landlock() -> Option<u32> {
    None
}

pub(crate) fn may_mount() -> Result<(), view::Unavailable> {
    Err(view::Unavailable::Unsupported)
}

pub(crate) fn try_view(_view: &Composed, _name: &CStr, _bytes: &[u8]) -> Result<(), view::Unavailable> {
    Err(view::Unavailable::Unsupported)
}

pub(crate) fn spawn(_command: Command, _plan: Plan, _program: &Path) -> Result<Child, SandboxError> {
    Err(SandboxError::Unsupported)
}

pub(crate) fn exec(_command: Command, _plan: Plan, _program: &Path) -> SandboxError {
    SandboxError::Unsupported
}
