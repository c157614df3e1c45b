//! The steps that a new process takes before it runs its program.
//!
//! Every string is ready for the kernel, because between `fork` and `exec` nothing may be allocated.

use super::Namespaces;
use rustix::fd::OwnedFd;
use std::{ffi::CString, fmt, sync::Arc};

/// What tells files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// Bytes as the kernel takes them for a name.
pub(crate) type Bytes = CString;

/// What is put at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Device,
    ReadOnly,
    Writable,
    /// What the host has mounted there, as it is.
    Same,
}

/// One step. Paths without a `/` at their start are below the new root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Namespaces(Namespaces),
    MapIds {
        file: Bytes,
        line: Vec<u8>,
    },
    /// The process stays as the one that passes on signals; the steps go on in a child, which is process 1.
    Init,
    /// Mounts that are made from now on are not seen outside.
    Separate,
    /// Takes what will be put somewhere, while the old root is seen. It must be the same file that was meant.
    Open {
        slot: usize,
        path: Bytes,
        is: Option<Identity>,
    },
    /// Makes the view, nowhere yet.
    Overlay {
        slot: usize,
        metadata: Bytes,
        objects: Bytes,
    },
    /// An empty root, which is the working directory from now on.
    NewRoot,
    Directory(Bytes),
    File {
        path: Bytes,
        bytes: Vec<u8>,
    },
    Symlink {
        path: Bytes,
        target: Bytes,
    },
    /// Puts the mount that a slot has, which is nowhere yet, at a place.
    View {
        slot: usize,
        at: Bytes,
    },
    /// Puts what a slot has at a place.
    Attach {
        slot: usize,
        at: Bytes,
        kind: Kind,
    },
    /// Shows a directory of the new root at another place too.
    Again {
        from: Bytes,
        at: Bytes,
    },
    Proc,
    Terminals,
    /// A directory that everybody can write to.
    Scratch(Bytes),
    /// The new root becomes the root, and what was before is gone.
    Pivot,
    Loopback,
    /// No capability is left, and none can be gained.
    Confine,
    /// Only what is below these is changed, and nobody outside is reached: as far as the kernel knows how.
    Limit(Vec<Bytes>),
    /// Process 1 stays to reap others; the steps go on in a child.
    Program,
    WorkingDirectory(Bytes),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &CString| name.to_string_lossy().into_owned();
        match self {
            Self::Namespaces(_) => f.write_str("make the namespaces"),
            Self::MapIds { .. } => f.write_str("keep the user's ids in the user namespace"),
            Self::Init | Self::Program => f.write_str("start a process"),
            Self::Separate => f.write_str("separate the mounts"),
            Self::Open { path, .. } => write!(f, "open {}", shown(path)),
            Self::Overlay { metadata, .. } => write!(f, "make an overlay of {}", shown(metadata)),
            Self::NewRoot => f.write_str("make an empty root"),
            Self::Directory(path) | Self::File { path, .. } | Self::Symlink { path, .. } => {
                write!(f, "make /{} in the new root", shown(path))
            }
            Self::View { at, .. } => write!(f, "put the view at {}", shown(at)),
            Self::Attach { at, .. } | Self::Again { at, .. } => write!(f, "let in {}", shown(at)),
            Self::Proc => f.write_str("mount /proc"),
            Self::Terminals => f.write_str("mount /dev/pts"),
            Self::Scratch(at) => write!(f, "make a writable /{}", shown(at)),
            Self::Pivot => f.write_str("change the root"),
            Self::Loopback => f.write_str("switch on the loopback network"),
            Self::Confine => f.write_str("give up all privileges"),
            Self::Limit(_) => f.write_str("limit what can be changed"),
            Self::WorkingDirectory(path) => write!(f, "go to {}", shown(path)),
        }
    }
}

/// The steps, and how many slots for open files they need.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) slots: usize,
    /// What is in slots from the beginning.
    pub(crate) given: Vec<Given>,
}

/// An open file that a slot has from the beginning.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) slot: usize,
    pub(crate) file: Arc<OwnedFd>,
}
