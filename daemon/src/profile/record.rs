//! What a generation is, on disk: one JSON file, which is never changed.

use super::name::GenerationNumber;
use nuka_pir::Cid;
use serde::{Deserialize, Serialize};

/// The version of the format.
pub const FORMAT: u32 = 1;

/// One generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the format.
    pub format: u32,
    /// Its number.
    pub number: GenerationNumber,
    /// What is in it: see `tree.rs`.
    pub tree: Cid,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: u64,
    /// The generation that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<GenerationNumber>,
    /// What was done: `install lua`.
    pub why: String,
    /// What that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageChange>,
    /// What else was changed, one line each: `sqlite3 may write /data`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
}

/// A package that came, went, or became another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// The version that was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The version that is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}
