//! What this machine has and allows, found out by asking it.

mod linux;

use std::path::Path;

/// What was found. Sizes in bytes; `None` where the machine does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The kernel's name and release.
    pub kernel: String,
    /// Free space, for unprivileged users, of the filesystem that a path is on.
    pub free_space: Option<u64>,
    /// Memory that can be had without swapping.
    pub free_memory: Option<u64>,
    /// Whether `/dev/fuse` can be opened, or why not.
    pub fuse: Result<(), String>,
    /// Whether the kernel lets unprivileged processes make user namespaces, or why not.
    pub user_namespaces: Result<(), String>,
    /// The version of the kernel's Landlock; `None` if it has none.
    pub landlock: Option<u32>,
}

/// Looks at the machine; `path` is where the store is or is to be (it need not exist yet).
pub fn probe(path: &Path) -> Probe {
    linux::probe(path)
}

/// Free bytes of the filesystem that a path, or the nearest directory above it that exists, is on.
pub fn free_space(path: &Path) -> Option<u64> {
    linux::free_space(path)
}

/// Bytes of memory that can be had without swapping.
pub fn free_memory() -> Option<u64> {
    linux::free_memory()
}

/// Whether the kernel lets unprivileged processes make user namespaces, or why not.
pub(crate) fn user_namespaces() -> Result<(), String> {
    linux::user_namespaces()
}
