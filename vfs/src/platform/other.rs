//! Systems where nuka cannot mount.

use super::Prepared;
use crate::{
    mount::{MountError, MountMeans, MountOptions, Unavailable},
    namespace::NamespaceError,
};
use rustix::fd::OwnedFd;
use std::{io, path::Path};

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
