//! The one call that Rust takes for unsafe: new namespaces for this process.
//!
//! It is unsafe because with another flag (`CLONE_FILES`) two threads would no longer have the same descriptors.
//! The two flags that are passed here do not touch descriptors or memory.

use rustix::{io::Errno, thread::UnshareFlags};

/// A new mount namespace.
pub(super) fn mounts() -> Result<(), Errno> {
    unshare(UnshareFlags::NEWNS)
}

/// A new user namespace, and a mount namespace that belongs to it.
pub(super) fn user_and_mounts() -> Result<(), Errno> {
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
}

#[allow(unsafe_code, reason = "see above")]
fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: the callers above pass NEWNS and NEWUSER only.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}
