//! The calls that only Linux has, each with what other systems do instead.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    attach, die_with_parent, enter_mount_namespace, enter_user_namespace, ids, join, mount_table, prepare,
    probe_means, unmount,
};
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{
    attach, die_with_parent, enter_mount_namespace, enter_user_namespace, ids, join, mount_table, prepare,
    probe_means, unmount,
};

use rustix::fd::OwnedFd;

/// A mount that nobody sees yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What the server speaks to the kernel through.
    pub(crate) device: OwnedFd,
    pub(crate) mount: OwnedFd,
}
