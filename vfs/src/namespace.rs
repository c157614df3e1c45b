//! Namespaces of one's own, in which an unprivileged process may mount; and how other processes get in.

use crate::platform;
use std::io;

/// Why this process is where it was.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// Only a process with one thread can enter a user namespace.
    #[error("a process with {threads} threads cannot enter a user namespace; it takes a new process")]
    Threads {
        /// How many it has.
        threads: usize,
    },
    /// The kernel refused a step.
    #[error("cannot {action}: {source}")]
    Refused {
        /// What was tried, as a verb with its object.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The parent has ended already.
    #[error("the process that started this one has ended")]
    Orphan,
    /// Not on this system.
    #[error("this system has no namespaces")]
    Unsupported,
}

/// Moves this process into a new user namespace with a mount namespace, in which it keeps its user and group id and
/// may mount. Programs that it starts are in there too, and may not.
///
/// # Errors
/// The process must have one thread. Some hosts forbid it.
pub fn enter() -> Result<(), NamespaceError> {
    platform::enter_user_namespace()
}

/// Moves this process, which must be privileged, into a new mount namespace: what it mounts is seen only by itself and
/// by what it starts.
///
/// # Errors
/// If the kernel refuses.
pub fn enter_private_mounts() -> Result<(), NamespaceError> {
    platform::enter_mount_namespace()
}

/// Moves this process into the user and mount namespace of another, to see what is mounted there.
///
/// # Errors
/// The process must have one thread, and be the same user's.
pub fn join(process: u32) -> Result<(), NamespaceError> {
    platform::join(process)
}

/// From now on this process is killed when `parent`, which started it, ends.
///
/// # Errors
/// [`NamespaceError::Orphan`] if that has happened already.
pub fn die_with_parent(parent: u32) -> Result<(), NamespaceError> {
    platform::die_with_parent(parent)
}
