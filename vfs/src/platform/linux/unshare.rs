//! The one call that Rust takes for unsafe: new namespaces for this process.
//!
//! It is unsafe because with another flag (`CLONE_FILES`) two threads would no longer have the same descriptors.
//! The flags that are passed here do not touch descriptors or memory.

use crate::sandbox::Namespaces;
use rustix::{io::Errno, thread::UnshareFlags};

/// A new mount namespace.
pub(super) fn mounts() -> Result<(), Errno> {
    unshare(UnshareFlags::NEWNS)
}

/// A new user namespace, and a mount namespace that belongs to it.
pub(super) fn user_and_mounts() -> Result<(), Errno> {
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
}

/// The namespaces of a sandbox; that of processes is for those that are started from now on.
pub(super) fn namespaces(own: Namespaces) -> Result<(), Errno> {
    let wanted = [
        (own.user, UnshareFlags::NEWUSER),
        (own.pid, UnshareFlags::NEWPID),
        (own.ipc, UnshareFlags::NEWIPC),
        (own.uts, UnshareFlags::NEWUTS),
        (own.net, UnshareFlags::NEWNET),
    ];
    let add = |flags, (wanted, flag)| if wanted { flags | flag } else { flags };
    unshare(wanted.into_iter().fold(UnshareFlags::NEWNS, add))
}

#[allow(unsafe_code, reason = "see above")]
fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: the callers above pass kinds of namespaces only.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}
