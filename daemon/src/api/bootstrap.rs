//! Bootstrapping: what is said of stages, and of whether they agree.

use crate::event::{Failure, PackageRef};
use nuka_pir::BlobId;
use serde::{Deserialize, Serialize};

/// How a compiler is to be bootstrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootstrapWish {
    /// The last stage that is made, 1 to 3.
    pub stage: u8,
    /// Which part of a stage is made.
    pub extent: Extent,
    /// Whether stage 2 is made once more by the second engine, and compared.
    #[serde(default)]
    pub second_engine: bool,
}

/// How much of each stage after the first is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// All of its tools.
    Whole,
    /// One small program with what it is made of: each tool is used, and none is made again.
    Slice,
}

/// What a bootstrap came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BootstrapReport {
    /// The compiler: `go`.
    pub compiler: String,
    /// Its version.
    pub version: String,
    /// The stages that were made, from the first on.
    pub stages: Vec<BootstrapStage>,
    /// What comparing them gave.
    pub verdict: Verdict,
    /// What the second engine made of stage 2, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondEngine>,
    /// What could not be made, in the stage after the last of `stages`.
    pub failed: Vec<Failure>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BootstrapStage {
    /// Its number; the first is 1.
    pub number: u8,
    /// Wall seconds that it took now; little where it had been made before.
    pub seconds: f64,
    /// How many of its packages were built now.
    pub built: usize,
    /// Its programs, in the order of the stages' list of them.
    pub programs: Vec<Artefact>,
    /// Its archives, each after those that it was made with. Stage 1 shows none: its own are the seed's.
    pub archives: Vec<Artefact>,
}

/// What another engine made of the same steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondEngine {
    /// How many packages it made.
    pub packages: usize,
    /// Wall seconds that it took.
    pub seconds: f64,
    /// Files that are not what the first engine made, by package.
    pub different: Vec<(PackageRef, Vec<String>)>,
    /// What it could not make.
    pub failed: Vec<Failure>,
}

impl SecondEngine {
    /// Whether all is what the first engine made.
    pub fn agrees(&self) -> bool {
        self.different.is_empty() && self.failed.is_empty()
    }
}

/// A file that a stage made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// The import path: `cmd/compile`.
    pub path: String,
    /// Its bytes' BLAKE3.
    pub blob: BlobId,
    /// Its length in bytes.
    pub bytes: u64,
    /// The SHA-256 of a program, in hex; not given for archives.
    pub sha256: Option<String>,
}

/// What comparing stages gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Too few stages were made to say anything.
    Open,
    /// All that two stages have in common is the same to the bit.
    Equal {
        /// The stages.
        stages: Vec<u8>,
    },
    /// Something is not.
    Different {
        /// The first of it.
        first: Difference,
        /// How many files differ between these two stages.
        files: usize,
    },
}

/// Where two stages differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The stages.
    pub stages: [u8; 2],
    /// The import path.
    pub path: String,
    /// The first byte that differs, counted from 0; the shorter one's length if it is the beginning of the other.
    pub offset: u64,
}

/// What a package's bits rest on that was not made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustBase {
    /// The packages that were asked about.
    pub packages: Vec<PackageRef>,
    /// How many packages these are made with, directly or through others, themselves included.
    pub made_with: usize,
    /// Everything that came from elsewhere, by hash.
    pub sources: Vec<TrustedSource>,
    /// Compiled code that came from elsewhere and is used as it came.
    pub compiled: Vec<TrustedCode>,
    /// Packages that native programs made; all others are made by WebAssembly in our own runtime.
    pub native: Vec<PackageRef>,
    /// Packages that are not made yet, so that nothing is known of what is in them.
    pub unknown: Vec<PackageRef>,
}

/// Something from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedSource {
    /// Where it comes from, as recipes write it.
    pub origin: String,
    /// The hash that it must have.
    pub hash: String,
    /// Bytes of all its files, if it is here.
    pub bytes: Option<u64>,
}

/// Compiled code from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedCode {
    /// The package that has it as it came.
    pub package: PackageRef,
    /// Where, in that package. Untrusted text.
    pub path: String,
    /// Its bytes' BLAKE3.
    pub blob: BlobId,
    /// Its length in bytes.
    pub bytes: u64,
}
