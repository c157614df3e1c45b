//! Linux.

mod files;
mod guard;
mod landlock;
mod launch;
mod means;
mod mount;
mod namespace;
mod process;
mod unshare;

pub(crate) use files::{may_mount, open_path, privileged, real_path, reflink, sync_file_system};
pub(crate) use landlock::landlock;
pub(crate) use launch::{exec, spawn, try_view};
pub(crate) use means::probe_means;
pub(crate) use mount::{attach, mount_image, mount_table, prepare, unmount};
pub(crate) use namespace::{die_with_parent, enter_mount_namespace, enter_user_namespace, join};

/// The ids of the user whose process this is.
pub(crate) fn ids() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}
