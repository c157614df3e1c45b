//! What is asked of a collection, and what it answers.

use crate::index::RootTarget;
use nuka_pir::{PackageName, Pid, SourceId, Version};

/// What is kept besides roots and leases. The default keeps everything that was ever used.
#[derive(Debug, Clone, Default)]
pub struct GcOptions {
    /// What was used at this time or later is kept; in milliseconds since 1970. `u64::MAX`: use keeps nothing.
    pub keep_since_ms: u64,
    /// How many bytes the objects may have in the end: of what use keeps, the least recently used goes until the rest
    /// fits. Roots and leases stay whatever they take.
    pub max_bytes: Option<u64>,
    /// The time now, in milliseconds since 1970.
    pub now_ms: u64,
    /// What is kept besides.
    pub keep: Vec<RootTarget>,
    /// Namespaces of values that name packages and are only memories: emptied when PIRs are forgotten.
    pub forget_values: Vec<String>,
}

/// Some objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Amount {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// A package that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadPackage {
    /// Its id.
    pub pid: Pid,
    /// Its name and version, if they are known.
    pub name: Option<(PackageName, Version)>,
    /// When it was last used, or made; in milliseconds since 1970.
    pub last_use_ms: u64,
    /// The bytes of the objects that it alone has: freed if it alone went.
    pub unique_bytes: u64,
    /// The bytes of its other files: also another package's, or several times in this one.
    pub shared_bytes: u64,
}

/// A source that goes. It can be fetched again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadSource {
    /// Its id.
    pub id: SourceId,
    /// When it was last used, or fetched; in milliseconds since 1970.
    pub last_use_ms: u64,
    /// As [`DeadPackage::unique_bytes`].
    pub unique_bytes: u64,
    /// As [`DeadPackage::shared_bytes`].
    pub shared_bytes: u64,
}

/// How far a collection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GcProgress {
    /// Another one is going on, and is waited for.
    Waits {
        /// Its process, if that is known.
        process: Option<u32>,
    },
    /// Objects go.
    Removes {
        /// How many are done.
        done: u64,
        /// How many there are.
        total: u64,
    },
}

/// What a collection did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GcReport {
    /// Packages that were forgotten.
    pub packages: usize,
    /// Sources that were forgotten.
    pub sources: usize,
    /// PIRs that were forgotten, of packages and of what was never realised.
    pub pirs: usize,
    /// Objects that were removed.
    pub freed: Amount,
    /// Objects that a living batch may have found: they go at the end of the next collection. Part of `freed`.
    pub aside: Amount,
    /// Log files of forgotten builds, as their records have them: the caller removes them.
    pub logs: Vec<String>,
}
