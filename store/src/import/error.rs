//! Why something cannot be imported.

use crate::{
    error::StoreError,
    name::{PathError, TargetError, TreePath, escape},
    tree::BuildError,
};
use std::{fmt, io, path::PathBuf};

/// One of [`Limits`](super::Limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Uncompressed bytes.
    Bytes,
    /// Entries.
    Entries,
    /// Uncompressed to compressed bytes.
    Ratio,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "uncompressed bytes",
            Self::Entries => "entries",
            Self::Ratio => "times its compressed size",
        })
    }
}

/// Why something cannot be imported. Names in the text are escaped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The archive's bytes cannot be read or decompressed.
    #[error("the archive cannot be read: {source}")]
    Read {
        /// Why.
        source: io::Error,
    },
    /// The archive ends before its end.
    #[error("the archive is cut short: it ends inside {inside}")]
    Truncated {
        /// What is not whole.
        inside: String,
    },
    /// It is none of the formats that can be read.
    #[error("this is not a tar, zip or deb; if it is one file, say so with `format: file`")]
    UnknownFormat,
    /// A structure of the archive is not as its format says.
    #[error("the archive is malformed: {detail}")]
    Malformed {
        /// What is wrong, and where.
        detail: String,
    },
    /// An entry's name cannot be a path in a tree.
    #[error("the archive has an entry with a name that no tree can hold: {source}")]
    Path {
        /// What is wrong with the name.
        #[from]
        source: PathError,
    },
    /// A symlink's target is not one.
    #[error("`{path}`: {source}")]
    Target {
        /// The symlink.
        path: TreePath,
        /// What is wrong with its target.
        source: TargetError,
    },
    /// An entry is of a kind that trees do not have.
    #[error("`{}` is a {kind}: a tree holds files, directories and symlinks, nothing else", escape(path))]
    Kind {
        /// Its name as the archive has it.
        path: Vec<u8>,
        /// What it is.
        kind: &'static str,
    },
    /// An entry has something that a tree does not keep.
    #[error("`{}` has {extra}, which a tree cannot hold; `--drop-extras` leaves it out", escape(path))]
    Extra {
        /// Its name as the archive has it.
        path: Vec<u8>,
        /// What it has.
        extra: String,
    },
    /// A hard link does not lead to an earlier file.
    #[error("`{path}` is a hard link to `{}`, which {why}", escape(target))]
    HardLink {
        /// The link.
        path: TreePath,
        /// What it names.
        target: Vec<u8>,
        /// What is wrong with that.
        why: &'static str,
    },
    /// The archive says two different things, of which two programs may believe one each.
    #[error(
        "`{}`: the archive gives two different values for its {field}: {first} and {second}",
        escape(path)
    )]
    Differential {
        /// The entry's name.
        path: Vec<u8>,
        /// What has two values.
        field: &'static str,
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// An entry has data that by its kind it cannot have.
    #[error("`{}` is a {kind} and has {size} bytes of data", escape(path))]
    UnexpectedData {
        /// The entry's name.
        path: Vec<u8>,
        /// Its kind.
        kind: &'static str,
        /// The length in bytes.
        size: u64,
    },
    /// An entry's bytes are not those that were put in.
    #[error("`{}` is damaged: its {what} is not the one that the archive promises", escape(path))]
    Checksum {
        /// The entry's name.
        path: Vec<u8>,
        /// What differs.
        what: &'static str,
    },
    /// An entry uses something that is not read here.
    #[error("`{}` uses {feature}, which nuka does not read", escape(path))]
    Unsupported {
        /// The entry's name.
        path: Vec<u8>,
        /// What it uses.
        feature: String,
    },
    /// There is more than may be.
    #[error("the archive is too large: more than {max} {limit}")]
    Limit {
        /// Which limit.
        limit: Limit,
        /// How much may be.
        max: u64,
    },
    /// `strip` leaves nothing of a file's name.
    #[error("`{}` has no name left after {strip} leading directories are dropped", escape(path))]
    Strip {
        /// The entry's name.
        path: Vec<u8>,
        /// How many are dropped.
        strip: u8,
    },
    /// The archive has no such directory.
    #[error("the archive has no directory `{subdir}`")]
    Subdir {
        /// The directory.
        subdir: TreePath,
    },
    /// A file changed again and again while it was read.
    #[error("{} changes while it is read: wait until nothing writes to it, and try again", path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// Two entries cannot stand beside each other.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A limit that was met while reading, on its way through readers that know only I/O errors.
#[derive(Debug, thiserror::Error)]
#[error("{0} above {1}")]
pub(super) struct LimitMet(pub(super) Limit, pub(super) u64);

impl From<io::Error> for ImportError {
    fn from(source: io::Error) -> Self {
        let mut inner: Option<&(dyn std::error::Error + 'static)> = source.get_ref().map(|inner| inner as _);
        while let Some(error) = inner {
            if let Some(LimitMet(limit, max)) = error.downcast_ref() {
                return Self::Limit { limit: *limit, max: *max };
            }
            // An I/O error inside an I/O error hides what it holds from `source`.
            inner = match error.downcast_ref::<io::Error>() {
                Some(error) => error.get_ref().map(|inner| inner as _),
                None => error.source(),
            };
        }
        if source.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Truncated { inside: "its compressed data".into() };
        }
        Self::Read { source }
    }
}

impl ImportError {
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::Malformed { detail: detail.into() }
    }

    pub(super) fn truncated(inside: impl Into<String>) -> Self {
        Self::Truncated { inside: inside.into() }
    }
}
