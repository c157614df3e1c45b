//! How something is imported, and how much of it at most.

use crate::name::TreePath;
use nuka_pir::ArchiveFormat;

/// How an archive becomes a tree.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The archive's format, where its first bytes should not decide.
    pub format: Option<ArchiveFormat>,
    /// How many leading directories of each path are dropped. `None`: one, if the archive has a single
    /// directory at its top and nothing beside it; of a Debian package none.
    pub strip: Option<u8>,
    /// Only this directory of the archive, after `strip`.
    pub subdir: Option<TreePath>,
    /// What is done with what a tree cannot hold.
    pub extras: Extras,
    /// For a directory on disk: read every file, also those that look as they did last time.
    pub rehash: bool,
    /// How much is read at most.
    pub limits: Limits,
}

/// What is done with set-user-id and set-group-id bits, extended attributes and access control lists, and with
/// entries that repeat an earlier one exactly (another one at its path is an error always). Those of directories'
/// modes are always dropped: a tree's directories have no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extras {
    /// They are errors that name the file.
    #[default]
    Refuse,
    /// They are left out.
    Drop,
}

/// How much is read of one archive or directory at most. All are checked while reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Uncompressed bytes.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
    /// How many times longer the uncompressed data may be than the compressed data.
    pub ratio: u64,
    /// The ratio is checked from this many uncompressed bytes on.
    pub ratio_from: u64,
    /// Memory that a decoder may take for what it must look back at, in bytes.
    pub window: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 128 << 30,
            entries: 4_000_000,
            // gzip cannot reach 1,032; real xz archives of sparse images stay below.
            ratio: 1_000,
            ratio_from: 256 << 20,
            window: 192 << 20,
        }
    }
}
