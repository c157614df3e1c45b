//! The `run` part of a PIR: what a package wants and may do when it runs.

use crate::{Input, InputName, Platform, ProgramName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a package runs. In the PID, but not in the build id: changing it builds nothing again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The language it is written in.
    pub language: Language,
    /// What it wants beside it when it runs; the only source of the run-time closure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub needs: BTreeMap<InputName, Input>,
    /// What can be started.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub programs: BTreeMap<ProgramName, Program>,
    /// What its programs may do unless the person grants more.
    #[serde(default, skip_serializing_if = "Permissions::is_default")]
    pub permissions: Permissions,
    /// Where it runs.
    pub platforms: Vec<Platform>,
}

/// Something that can be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The file, relative to the prefix: `bin/lua`.
    pub path: String,
    /// Arguments that come before the person's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment variables that it starts with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// What a program may do to the machine of the person who runs it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Permissions {
    /// What it may do in the person's current directory.
    #[serde(skip_serializing_if = "CurrentDirectory::is_default")]
    pub directory: CurrentDirectory,
    /// Environment variables of the person's that it sees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Whether it may open network connections.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub network: bool,
}

/// What a program may do in the current directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CurrentDirectory {
    /// Not even see it.
    None,
    /// Read it.
    #[default]
    Read,
    /// Read and change it.
    Write,
}

impl CurrentDirectory {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Permissions {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The language a package is written in: what decides whether it may run natively.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// C.
    C,
    /// C++.
    Cpp,
    /// Assembly of any machine.
    Assembly,
    /// Fortran.
    Fortran,
    /// Zig.
    Zig,
    /// Rust.
    Rust,
    /// Go.
    Go,
    /// Java and what runs on its machine.
    Java,
    /// Haskell.
    Haskell,
    /// OCaml.
    Ocaml,
    /// JavaScript and TypeScript.
    Javascript,
    /// Python.
    Python,
    /// Lua.
    Lua,
    /// Perl.
    Perl,
    /// Shell scripts.
    Shell,
    /// No code: fonts, time zones, headers.
    Data,
}

impl Language {
    /// Every language, by the name recipes use.
    pub const ALL: &'static [(&'static str, Language)] = &[
        ("c", Language::C),
        ("cpp", Language::Cpp),
        ("assembly", Language::Assembly),
        ("fortran", Language::Fortran),
        ("zig", Language::Zig),
        ("rust", Language::Rust),
        ("go", Language::Go),
        ("java", Language::Java),
        ("haskell", Language::Haskell),
        ("ocaml", Language::Ocaml),
        ("javascript", Language::Javascript),
        ("python", Language::Python),
        ("lua", Language::Lua),
        ("perl", Language::Perl),
        ("shell", Language::Shell),
        ("data", Language::Data),
    ];

    /// The language with this name; `c++` is `cpp`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "c++" { "cpp" } else { name };
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, language)| *language)
    }

    /// The language's name.
    pub fn name(&self) -> &'static str {
        Self::ALL.iter().find(|(_, language)| language == self).map_or("unknown", |(name, _)| name)
    }

    /// False where an ordinary mistake in the program can corrupt its memory.
    pub fn is_memory_safe(&self) -> bool {
        !matches!(self, Self::C | Self::Cpp | Self::Assembly | Self::Fortran | Self::Zig)
    }
}
