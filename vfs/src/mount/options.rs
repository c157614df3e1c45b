//! How a mount is made.

use fuser::{MountOption, SessionACL};
use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

/// Who may use a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The user who made it; in a user namespace, the users in it that are this one.
    Owner,
    /// All users; in a user namespace, all users in it. `fusermount3` allows this only where `/etc/fuse.conf` says
    /// `user_allow_other`.
    Everyone,
}

/// How a mount is made.
#[derive(Debug, Clone)]
pub struct MountOptions {
    /// The device through which the kernel speaks to the server.
    pub device: PathBuf,
    /// Who may use the mount.
    pub access: Access,
    /// Whose the files are said to be, as user and group id. Otherwise: the user who mounts.
    pub owner: Option<(u32, u32)>,
    /// How many threads serve it.
    pub threads: NonZeroUsize,
    /// For how long the kernel may believe that the root's names have not changed.
    pub root_ttl: Duration,
    /// Large files are read by the kernel itself, where it allows that to this server. Then files are not opened
    /// without asking.
    pub passthrough: bool,
}

impl Default for MountOptions {
    fn default() -> Self {
        const THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
        Self {
            device: PathBuf::from("/dev/fuse"),
            access: Access::Owner,
            owner: None,
            threads: THREADS,
            root_ttl: Duration::from_secs(1),
            passthrough: false,
        }
    }
}

/// What the mount is called in the system's table of mounts.
pub(crate) const NAME: &str = "nuka";

impl MountOptions {
    pub(super) fn acl(&self) -> SessionACL {
        match self.access {
            Access::Owner => SessionACL::Owner,
            Access::Everyone => SessionACL::All,
        }
    }

    pub(super) fn for_fusermount(&self) -> Vec<MountOption> {
        vec![
            MountOption::FSName(NAME.to_owned()),
            MountOption::Subtype(NAME.to_owned()),
            MountOption::DefaultPermissions,
            MountOption::RO,
            MountOption::NoDev,
            MountOption::NoSuid,
            MountOption::NoAtime,
        ]
    }
}
