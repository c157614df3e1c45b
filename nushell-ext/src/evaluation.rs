//! What evaluation is asked for, and what it gives.

use crate::RecipePath;
use nuka_pir::{
    BlobId, Cpu, Meta, Origin, PackageName, Pid, Pir, Platform, SourceHash, SourceId, Unpack, Version,
};
use std::{collections::BTreeMap, ops::Range};

/// Which recipe is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RecipeName {
    /// The package of this name: `NAME.nu` at a root.
    Package(PackageName),
    /// This file.
    File(RecipePath),
}

/// A package to evaluate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Which recipe.
    pub recipe: RecipeName,
    /// Which of its versions; its own choice if not given.
    pub version: Option<Version>,
    /// What it is to run on.
    pub platform: Platform,
    /// Which instructions it may use.
    pub cpu: Cpu,
}

impl Target {
    /// The package of this name, for wasm.
    pub fn package(name: PackageName) -> Self {
        Self { recipe: RecipeName::Package(name), version: None, platform: Platform::WASM, cpu: Cpu::GENERIC }
    }

    /// The package that this file describes, for wasm.
    pub fn file(path: RecipePath) -> Self {
        Self { recipe: RecipeName::File(path), version: None, platform: Platform::WASM, cpu: Cpu::GENERIC }
    }
}

/// What recipes came to.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// What each target came to, in the order of the targets: one package each, or several where a recipe
    /// gives a list.
    pub roots: Vec<Pid>,
    /// Every package that the roots refer to, themselves and their checks included.
    pub packages: BTreeMap<Pid, Box<Package>>,
    /// Every recipe file that was read, sorted, with the BLAKE3 of its contents.
    pub files_read: Vec<(RecipePath, BlobId)>,
    /// Every recipe file that was looked for and not found, sorted.
    pub not_found: Vec<RecipePath>,
    /// Every `fetch` that was evaluated, by file and place.
    pub fetches: Vec<Fetch>,
    /// What the author should look at.
    pub warnings: Vec<Warning>,
    /// If the target is an environment, what belongs to it besides its packages, which are the roots.
    pub environment: Option<Environment>,
}

/// What a shell has besides packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Variables, none of which is one of nuka's own.
    pub variables: BTreeMap<String, String>,
    /// The texts of files, by paths that lead nowhere else.
    pub files: BTreeMap<String, String>,
    /// What is run when a shell begins, by the kind of shell: `sh`, `fish`, `nu`.
    pub hooks: BTreeMap<String, String>,
}

/// A package that a recipe described.
#[derive(Debug, Clone)]
pub struct Package {
    /// What it is.
    pub pir: Pir,
    /// The PIR's canonical text.
    pub text: String,
    /// The PIR's id.
    pub pid: Pid,
    /// What people want to know of it.
    pub meta: Meta,
    /// The package that checks it: its build is the check.
    pub check: Option<Pid>,
    /// The recipe.
    pub recipe: RecipePath,
    /// All versions that the recipe offers, in its order.
    pub versions: Vec<Version>,
    /// Where its local sources are: paths below the roots' own directory of the recipe, as `dir/path`.
    pub local_sources: BTreeMap<SourceId, String>,
}

/// One `fetch` in a recipe, and where it stands, so that its hash can be written in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The recipe file.
    pub file: RecipePath,
    /// Bytes of the call, from `fetch` to its last argument.
    pub call: Range<usize>,
    /// The hash that the recipe gives, and the bytes of its text.
    pub hash: Option<(SourceHash, Range<usize>)>,
    /// Where it comes from.
    pub origin: Origin,
    /// How it becomes a tree.
    pub unpack: Unpack,
}

/// Something that the author of a recipe should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Names the kind of warning for machines: `nuka::recipe::version_differs`.
    pub code: &'static str,
    /// What it is. May quote the recipe: escape control characters when printing.
    pub message: String,
    /// The recipe file and the bytes it is about.
    pub place: Option<(RecipePath, Range<usize>)>,
}
