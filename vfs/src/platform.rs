//! The calls that only Linux has, each with what other systems do instead.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    attach, die_with_parent, enter_mount_namespace, enter_user_namespace, exec, ids, join, landlock,
    may_mount, mount_image, mount_table, open_path, prepare, privileged, probe_means, real_path, reflink,
    spawn, sync_file_system, try_view, unmount,
};
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{
    attach, die_with_parent, enter_mount_namespace, enter_user_namespace, exec, ids, join, landlock,
    may_mount, mount_image, mount_table, open_path, prepare, privileged, probe_means, real_path, reflink,
    spawn, sync_file_system, try_view, unmount,
};

use rustix::fd::OwnedFd;

/// A mount that nobody sees yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What the server speaks to the kernel through.
    pub(crate) device: OwnedFd,
    pub(crate) mount: OwnedFd,
}
