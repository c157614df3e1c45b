//! What can go wrong when mounting and unmounting.

use std::{io, path::PathBuf};

/// Why there is no mount.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The directory cannot be mounted on.
    #[error("cannot mount on {}: {source}", place.display())]
    Place {
        /// The directory.
        place: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The device of FUSE cannot be opened.
    #[error("cannot open {}: {source}", device.display())]
    Device {
        /// The device.
        device: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The kernel refused a step.
    #[error("cannot {action}: {source}{}", said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default())]
    Refused {
        /// What was tried, as a verb with its object.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
        /// What the kernel said beside.
        said: Option<String>,
    },
    /// `fusermount3` did not mount.
    #[error("fusermount3 did not mount: {source}")]
    Fusermount {
        /// What it said.
        source: io::Error,
    },
    /// The server could not begin, or ended with an error.
    #[error("the server of the mount failed: {source}")]
    Session {
        /// Why.
        source: io::Error,
    },
    /// This system has no FUSE that nuka knows.
    #[error("this system cannot mount the store")]
    Unsupported,
}

/// Why a mount is still there.
#[derive(Debug, thiserror::Error)]
pub enum UnmountError {
    /// Nothing of nuka is mounted there.
    #[error("nothing of nuka is mounted on {}", place.display())]
    NotMounted {
        /// The directory.
        place: PathBuf,
        /// Where something is.
        mounted: Vec<PathBuf>,
    },
    /// Somebody uses it.
    #[error("{} is in use: a process has its working directory or an open file there", place.display())]
    Busy {
        /// The directory.
        place: PathBuf,
    },
    /// It could not be unmounted.
    #[error("cannot unmount {}: {source}", place.display())]
    Failed {
        /// The directory.
        place: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
