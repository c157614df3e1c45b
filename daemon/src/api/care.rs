//! Looking after the store: what is said of collecting, verifying, and moving packages.

use crate::event::PackageRef;
use nuka_pir::{BlobId, Cid, Pid, SourceId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is kept besides roots and what is being used right now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcWish {
    /// What was used in the last so many seconds; everything that was ever used, if not given.
    pub keep_seconds: Option<u64>,
    /// How many bytes the objects may have in the end: the least recently used goes first.
    pub max_bytes: Option<u64>,
}

/// Some objects, or files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is kept beside the store and can be had again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached {
    /// Compiled programs.
    pub modules: Amount,
    /// Downloads, whole or not.
    pub downloads: Amount,
    /// Launchers of shells.
    pub launchers: Amount,
    /// Finished steps of builds that were cut.
    #[serde(default)]
    pub steps: Amount,
}

impl Cached {
    /// All of it.
    pub fn all(&self) -> Amount {
        let parts = [self.modules, self.downloads, self.launchers, self.steps];
        let sum = |all: Amount, part: Amount| Amount {
            objects: all.objects + part.objects,
            bytes: all.bytes.saturating_add(part.bytes),
        };
        parts.into_iter().fold(Amount::default(), sum)
    }
}

/// What a collection would remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcPlanned {
    /// The packages that go, least recently used first.
    pub packages: Vec<GcPackage>,
    /// The sources that go, and can be fetched again.
    pub sources: Vec<GcSource>,
    /// Objects that stay.
    pub kept: Amount,
    /// Objects that go.
    pub freed: Amount,
    /// Those among them that nothing names: of failed work, or damaged and moved away.
    pub leftovers: Amount,
    /// What goes beside the store, because it was not used for as long.
    pub cache: Cached,
}

/// A package that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcPackage {
    /// Which.
    pub package: PackageRef,
    /// When it was last used, in milliseconds since 1970, to a day.
    pub last_use_ms: u64,
    /// Bytes that it alone has.
    pub unique_bytes: u64,
    /// Bytes that others have too.
    pub shared_bytes: u64,
}

/// A source that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcSource {
    /// Which.
    pub id: SourceId,
    /// When it was last used, in milliseconds since 1970, to a day.
    pub last_use_ms: u64,
    /// Bytes that it alone has.
    pub unique_bytes: u64,
}

/// What a collection has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GcDone {
    /// Packages.
    pub packages: u64,
    /// Sources.
    pub sources: u64,
    /// Objects.
    pub freed: Amount,
    /// Those among them that go with the next collection, because work that is going on may have found them.
    pub aside: Amount,
    /// What went beside the store.
    pub cache: Cached,
}

/// One link of the chain that keeps something; the first is a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", rename_all = "snake_case")]
pub enum KeptBy {
    /// A pin of this name.
    Pin {
        /// Its name. Untrusted text.
        name: String,
    },
    /// A process that works with it: its lease.
    Lease {
        /// The lease's name, which begins with the process.
        name: String,
    },
    /// It was used then.
    Use {
        /// In milliseconds since 1970.
        time_ms: u64,
    },
    /// A package.
    Package {
        /// Which.
        package: PackageRef,
    },
    /// A source.
    Source {
        /// Which.
        id: SourceId,
    },
    /// An output of the package before.
    Output {
        /// Its name.
        name: String,
        /// Its tree.
        cid: Cid,
    },
    /// The tree of what is before.
    Tree {
        /// It.
        cid: Cid,
    },
    /// Something at a path of the tree before, or an object of the package before.
    Object {
        /// The path, or what it is. Untrusted text.
        what: String,
        /// The object.
        blob: Option<BlobId>,
    },
}

/// A reason to keep a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeping {
    /// The pin's name; none for what is kept because it was used.
    pub pin: Option<String>,
    /// The package, if it is one.
    pub package: Option<PackageRef>,
    /// What is kept, where it is no package.
    pub object: Option<String>,
    /// When it was pinned or last used (to a day), in milliseconds since 1970.
    pub time_ms: u64,
}

/// What verifying found, and what was put right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Sound objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong.
    pub problems: Vec<FoundProblem>,
    /// Files among the objects that are none.
    pub strays: Vec<PathBuf>,
    /// Why the index could not be compared.
    pub index: Option<String>,
    /// What was put right, if that was asked for.
    pub repaired: Option<Repaired>,
}

impl Verified {
    /// Whether all was as it should be.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.strays.is_empty() && self.index.is_none()
    }
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundProblem {
    /// The object.
    pub object: BlobId,
    /// What is wrong with it. Untrusted text.
    pub wrong: String,
    /// What it is part of.
    pub parts_of: Vec<String>,
}

/// What was put right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Repaired {
    /// Objects that were moved away.
    pub quarantined: Vec<BlobId>,
    /// Files that are no objects, and were moved away.
    pub strays: u64,
    /// Packages that are whole again: built or fetched anew.
    pub made: Vec<PackageRef>,
    /// Packages that are not, and why.
    pub lost: Vec<Lost>,
    /// Sources that are fetched again when they are next wanted.
    pub sources: u64,
    /// Pins of what is not whole.
    pub pins: Vec<String>,
}

/// A package that could not be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Which.
    pub package: PackageRef,
    /// Why. Untrusted text.
    pub reason: String,
}

/// What an index that was made again knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// Packages.
    pub packages: u64,
    /// Sources.
    pub sources: u64,
    /// Packages and sources that are not whole, and so not known any more.
    pub incomplete: u64,
    /// Damaged objects.
    pub damaged: u64,
    /// Pins that the old index could still tell.
    pub pins: u64,
}

/// What a closure brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Packages that are new here.
    pub packages: Vec<PackageRef>,
    /// Packages that were here.
    pub known: Vec<PackageRef>,
    /// Objects that were not here.
    pub new_objects: u64,
}

/// A path at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeDifference {
    /// The path. Untrusted text.
    pub path: String,
    /// What the first has there.
    pub before: Option<Side>,
    /// What the second has there.
    pub after: Option<Side>,
}

/// What one of two trees has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// What it is.
    pub kind: super::EntryKind,
    /// Bytes, for files; for directories, of all files below.
    pub bytes: u64,
}

/// How large a package is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageBytes {
    /// Its id.
    pub pid: Pid,
    /// Its name and version, if they are known.
    pub name: String,
    /// Bytes of all its files.
    pub bytes: u64,
}
