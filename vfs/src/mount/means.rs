//! The means of mounting, and which of them this host has.

use crate::platform;
use std::{fmt, path::Path};

/// By which means a mount is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MountMeans {
    /// By the kernel, for a process that may mount. Everybody sees the mount.
    Privileged,
    /// By `fusermount3`, which may mount for its user. The user's whole session sees the mount.
    Fusermount,
    /// By the kernel, in a user namespace of one's own. Only the processes in it see the mount.
    UserNamespace,
}

impl MountMeans {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Privileged, Self::Fusermount, Self::UserNamespace];

    /// Whether processes outside of the server's namespace see the mount.
    pub fn seen_by_all(self) -> bool {
        self != Self::UserNamespace
    }
}

impl fmt::Display for MountMeans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Privileged => "FUSE, privileged",
            Self::Fusermount => "FUSE through fusermount3",
            Self::UserNamespace => "FUSE in a user namespace",
        })
    }
}

/// Why a means cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The device cannot be opened.
    #[error("{device} cannot be opened: {reason}")]
    Device {
        /// The device.
        device: String,
        /// Why not.
        reason: String,
    },
    /// The kernel does not have FUSE.
    #[error("the kernel has no FUSE: {reason}")]
    NoFuse {
        /// What it answers.
        reason: String,
    },
    /// This process may not mount.
    #[error("this process may not mount (no CAP_SYS_ADMIN)")]
    NotPrivileged,
    /// User namespaces are forbidden.
    #[error("user namespaces are not allowed: {reason}")]
    NoUserNamespace {
        /// By what.
        reason: String,
    },
    /// There is no `fusermount3`.
    #[error("fusermount3 is not installed")]
    NoFusermount,
    /// There is one that cannot mount.
    #[error("{program} is not setuid root")]
    FusermountPowerless {
        /// Where it is.
        program: String,
    },
    /// Not on this system.
    #[error("this system has no such means")]
    Unsupported,
}

/// What the host says to one means.
pub type Answer = (MountMeans, Result<(), Unavailable>);

/// Asks the host for each means, the best first. `device` is that of FUSE; `programs` are the directories in which
/// programs are looked for, as `PATH` has them.
pub fn probe(device: &Path, programs: &[&Path]) -> Vec<Answer> {
    MountMeans::ALL.into_iter().map(|means| (means, platform::probe_means(means, device, programs))).collect()
}

/// The best means that the host has.
pub fn choose(answers: &[Answer]) -> Option<MountMeans> {
    answers.iter().find(|(_, answer)| answer.is_ok()).map(|(means, _)| *means)
}
