//! The requests that nuka answers and what it answers with: plain data, so that the same calls can be made in
//! process or over a socket. The calls themselves are the methods of [`Nuka`](crate::Nuka).

pub mod bootstrap;
pub mod care;

use crate::{
    event::{Failure, Outcome, PackageRef},
    handed::Handed,
};
use nuka_pir::{BlobId, Cid, PackageName, Pid, Platform, Version};
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf, str::FromStr};

/// What a person names: a package, a recipe's file, or something that the store has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A recipe by its name, in one of its versions: `lua`, `lua@5.3.6`.
    Name {
        /// The recipe.
        name: PackageName,
        /// The version; the recipe's own choice if not given.
        version: Option<Version>,
        /// What the package is to run on, unless its recipe says that.
        platform: Platform,
    },
    /// A recipe by its file.
    File {
        /// The file.
        path: PathBuf,
        /// The version; the recipe's own choice if not given.
        version: Option<Version>,
        /// What the package is to run on, unless its recipe says that.
        platform: Platform,
    },
}

/// Why a text names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The part before `@` is no package's name.
    #[error(transparent)]
    Name(#[from] nuka_pir::NameError),
}

impl FromStr for Target {
    type Err = TargetError;

    /// `NAME`, `NAME@VERSION`, or the path of a `.nu` file (which has a `/` or ends in `.nu`), for WebAssembly.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (head, version) = match text.rsplit_once('@') {
            Some((head, version)) if !version.contains('/') => (head, Some(Version::new(version)?)),
            _ => (text, None),
        };
        if head.contains('/') || head.ends_with(".nu") {
            return Ok(Target::File { path: head.into(), version, platform: Platform::WASM });
        }
        Ok(Target::Name { name: PackageName::new(head)?, version, platform: Platform::WASM })
    }
}

impl Target {
    /// The version that was named, if one was.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Name { version, .. } | Self::File { version, .. } => version.as_ref(),
        }
    }

    /// What the package is to run on, unless its recipe says that.
    pub fn platform(&self) -> Platform {
        let (Self::Name { platform, .. } | Self::File { platform, .. }) = self;
        *platform
    }

    /// The same for another platform.
    #[must_use]
    pub fn on(mut self, wanted: Platform) -> Self {
        let (Self::Name { platform, .. } | Self::File { platform, .. }) = &mut self;
        *platform = wanted;
        self
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self {
            Target::Name { name, version, .. } => {
                write!(f, "{name}")?;
                version
            }
            Target::File { path, version, .. } => {
                write!(f, "{}", path.display())?;
                version
            }
        };
        version.iter().try_for_each(|version| write!(f, "@{version}"))
    }
}

/// How to build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOptions {
    /// Build what was asked for once more, under other random numbers, another clock and another number of
    /// jobs, and compare.
    pub rebuild: bool,
    /// Go on with what does not depend on a failure.
    pub keep_going: bool,
    /// Also run the packages' checks.
    pub checks: bool,
}

/// What a build gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildReport {
    /// The packages that were asked for and are there, in the order asked.
    pub requested: Vec<Outcome>,
    /// Every package that was not there before and is now.
    pub done: Vec<Outcome>,
    /// What is not there, and why.
    pub failed: Vec<Failure>,
}

/// What is to be known of one package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackageInfo {
    /// The package.
    pub package: PackageRef,
    /// One line: what it is.
    pub description: Option<String>,
    /// Where it lives.
    pub homepage: Option<String>,
    /// SPDX licence expression.
    pub license: Option<String>,
    /// Package URL.
    pub purl: Option<String>,
    /// The language it is written in.
    pub language: String,
    /// What it is built for.
    pub target: String,
    /// Other versions that its recipe offers.
    pub versions: Vec<String>,
    /// The recipe's file, as the recipe roots know it.
    pub recipe: String,
    /// What can be started.
    pub programs: Vec<String>,
    /// What its programs may do by default, in words.
    pub permissions: String,
    /// Sources, as recipes write them.
    pub sources: Vec<String>,
    /// Packages that its build uses.
    pub build_inputs: Vec<PackageRef>,
    /// Packages that it wants when it runs.
    pub needs: Vec<PackageRef>,
    /// Its outputs, if it is built.
    pub outputs: Vec<OutputInfo>,
    /// The CID published for its `out` output, if there is one.
    pub published: Option<Cid>,
}

/// One output of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputInfo {
    /// Its name.
    pub name: String,
    /// Its tree.
    pub cid: Cid,
    /// Bytes of all files.
    pub bytes: u64,
    /// Number of files, directories and symlinks.
    pub entries: u64,
}

/// A package in the store or among the recipes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its id.
    pub pid: Pid,
    /// Its `out` tree.
    pub cid: Cid,
    /// Bytes of all files in all outputs.
    pub bytes: u64,
}

/// A recipe that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The recipe's name.
    pub name: String,
    /// The version it gives.
    pub version: String,
    /// One line: what it is.
    pub description: Option<String>,
    /// Whether it is built.
    pub built: bool,
}

/// Where something of the store is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorePath {
    /// The path that it has where the store is mounted.
    pub path: String,
    /// The tree, if it is one.
    pub cid: Option<Cid>,
    /// The object's own file.
    pub object: PathBuf,
}

/// A file of the store.
#[derive(Debug, Serialize, Deserialize)]
pub struct FoundFile {
    /// The id that its bytes must have.
    pub blob: BlobId,
    /// Its length in bytes.
    pub size: u64,
    /// It, open.
    pub file: Handed,
}

/// A tree by its name at the root of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedTree {
    /// `<pid>-<name>-<version>[-<output>]`.
    pub name: String,
    /// The tree.
    pub cid: Cid,
    /// Bytes of all files.
    pub bytes: u64,
    /// Number of files, directories and symlinks.
    pub entries: u64,
}

/// All names at the root of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameList {
    /// Another number when the list has changed.
    pub version: u64,
    /// The names.
    pub names: Vec<NamedTree>,
}

/// One entry of a tree in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path below the tree that was asked for. Untrusted text: bytes that are not UTF-8 are replaced.
    pub path: String,
    /// The path's bytes in hexadecimal, where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes, for files; for directories, of all files below.
    pub bytes: u64,
    /// A symlink's target. Untrusted text, as the path.
    pub target: Option<String>,
    /// The target's bytes in hexadecimal, where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_hex: Option<String>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symlink.
    Symlink,
}

/// The store in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// Where it is.
    pub path: PathBuf,
    /// Objects, each once.
    pub objects: u64,
    /// Bytes of the objects.
    pub bytes: u64,
    /// Packages that are realised.
    pub packages: u64,
    /// Sources.
    pub sources: u64,
    /// Bytes that packages and sources would take without sharing.
    pub unshared_bytes: u64,
    /// Bytes that it saves that equal files are one object.
    pub saved_bytes: u64,
    /// Bytes of trees for each byte that is stored.
    pub ratio: f64,
    /// The biggest packages.
    pub biggest: Vec<care::PackageBytes>,
    /// Bytes of compiled programs kept beside the store.
    pub compiled_bytes: u64,
}

/// A chain of references from one package to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyStep {
    /// What the one before calls it.
    pub input: String,
    /// The package.
    pub package: PackageRef,
}

/// A hash that `update-hashes` wrote, or would write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashChange {
    /// The recipe's file.
    pub file: PathBuf,
    /// The source, as recipes write it.
    pub source: String,
    /// The hash that stood there.
    pub old: Option<String>,
    /// The hash that stands there now.
    pub new: String,
}

/// What `doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found.
    pub found: String,
    /// What to do, if it is not as it should be.
    pub help: Option<String>,
}

/// More than a program may do by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// It may change the current directory.
    pub write: bool,
    /// Other directories: on the machine, where the program sees it, and whether it may change it.
    pub directories: Vec<GrantedDirectory>,
    /// Variables of the person's environment that it sees, with their values.
    pub env: Vec<(String, String)>,
    /// It may open network connections.
    pub network: bool,
}

/// A directory that a program may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantedDirectory {
    /// On the machine.
    pub host: PathBuf,
    /// Where the program sees it; an absolute path.
    pub guest: String,
    /// Whether it may change it.
    pub write: bool,
}

/// A package's canonical PIR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PirText {
    /// The package.
    pub package: PackageRef,
    /// The canonical text, whose hash is the PID.
    pub canonical: String,
    /// The same over several lines.
    pub pretty: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_people_write_them() {
        let shown =
            |text: &str| text.parse::<Target>().map(|target| format!("{target:?}")).unwrap_or_default();
        assert!(shown("lua").starts_with("Name"));
        assert!(shown("lua@5.3.6").contains("5.3.6"));
        assert!(shown("./x.nu").starts_with("File"));
        assert!(shown("dir/@scope/x.nu").starts_with("File"));
        assert!("Lua".parse::<Target>().is_err() && "".parse::<Target>().is_err());
        assert!("--bind".parse::<Target>().is_err());
    }
}
