//! A package as a profile has it.

use crate::{api::Target, event::PackageRef, nuka::Prepared};
use nuka_pir::{BlobId, Cid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that starting its programs and showing its files takes, so that neither its recipe nor the index is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Installed {
    /// What was asked for, which is asked for again when it is upgraded.
    pub asked: Target,
    /// What that was when it was installed.
    pub package: PackageRef,
    /// One line: what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its outputs by name.
    pub outputs: BTreeMap<String, Cid>,
    /// It merged with what it needs: where its programs run.
    pub view: Cid,
    /// What can be started.
    pub programs: Vec<Prepared>,
    /// Files for the session: manual pages, completions, desktop entries, icons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SharedFile>,
    /// Bytes of its outputs.
    pub bytes: u64,
}

/// A file that others than its own programs look for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SharedFile {
    /// Below `share/`: `man/man1/lua.1`.
    pub path: String,
    /// Its bytes.
    pub blob: BlobId,
}

/// What of `share/` the session looks for: manual pages and info, completions of the shells, desktop entries and icons.
pub const SHARED: [&str; 9] = [
    "man",
    "info",
    "applications",
    "icons",
    "pixmaps",
    "metainfo",
    "bash-completion/completions",
    "fish/vendor_completions.d",
    "zsh/site-functions",
];

impl Installed {
    /// The name that it is installed, removed and upgraded by.
    pub fn name(&self) -> &str {
        &self.package.name
    }

    /// The names of its programs.
    pub fn program_names(&self) -> impl Iterator<Item = &str> {
        self.programs.iter().map(|prepared| prepared.program.as_str())
    }
}
