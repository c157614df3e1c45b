//! Namespaces of one's own: a place where an unprivileged process may mount, and how others get in.

use super::unshare;
use crate::namespace::NamespaceError;
use rustix::{
    fd::AsFd,
    fs::{self, Mode, OFlags},
    io::Errno,
    mount::{MountPropagationFlags, mount_change},
    process::{Signal, set_parent_process_death_signal},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use std::io;

pub(crate) fn enter_user_namespace() -> Result<(), NamespaceError> {
    let (uid, gid) = super::ids();
    let threads = fs_err::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(NamespaceError::Threads { threads });
    }
    unshare::user_and_mounts().map_err(|error| refused("make a user namespace", error))?;
    // Everybody keeps their own id, so that a shell in there is still its user's.
    for (file, line) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{uid} {uid} 1")),
        ("gid_map", format!("{gid} {gid} 1")),
    ] {
        fs_err::write(format!("/proc/self/{file}"), line)
            .map_err(|source| NamespaceError::Refused { action: "map the user's ids", source })?;
    }
    separate()
}

pub(crate) fn enter_mount_namespace() -> Result<(), NamespaceError> {
    unshare::mounts().map_err(|error| refused("make a mount namespace", error))?;
    separate()
}

/// What is mounted in here is not seen outside; what is mounted outside still comes in.
fn separate() -> Result<(), NamespaceError> {
    let flags = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    mount_change("/", flags).map_err(|error| refused("separate the mounts", error))
}

pub(crate) fn join(process: u32) -> Result<(), NamespaceError> {
    let ours = |name: &str| fs_err::read_link(format!("/proc/self/ns/{name}"));
    // A process that is in the same user namespace already may not enter it again.
    for (name, kind) in [("user", LinkNameSpaceType::User), ("mnt", LinkNameSpaceType::Mount)] {
        let place = format!("/proc/{process}/ns/{name}");
        let failed =
            |source: io::Error| NamespaceError::Refused { action: "enter the server's namespace", source };
        if fs_err::read_link(&place).map_err(failed)? == ours(name).map_err(failed)? {
            continue;
        }
        let file = fs::open(&place, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let file = file.map_err(|error| failed(error.into()))?;
        move_into_link_name_space(file.as_fd(), Some(kind)).map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

pub(crate) fn die_with_parent(parent: u32) -> Result<(), NamespaceError> {
    let failed = |error| refused("be told of the parent's end", error);
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
    // It may have ended before.
    let now = rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get());
    if now.and_then(|now| u32::try_from(now).ok()) == Some(parent) {
        Ok(())
    } else {
        Err(NamespaceError::Orphan)
    }
}

fn refused(action: &'static str, error: Errno) -> NamespaceError {
    NamespaceError::Refused { action, source: error.into() }
}
