//! The PIR itself: one package as plain data.

use crate::{
    Cpu, InputName, Invalid, OutputName, PackageName, Pid, Platform, Run, Source, Step, Version,
    canonical::{self, CanonicalError},
    validate,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the PIR's shape, written into each.
pub const PIR_FORMAT: u32 = 1;

/// Package intermediate representation: everything that decides what a package is.
///
/// Its canonical text hashes to its PID. `build` alone reaches the build id; `run` does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pir {
    /// [`PIR_FORMAT`].
    pub pir: u32,
    /// The package's name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// How it is made.
    pub build: Build,
    /// How it runs.
    pub run: Run,
}

/// How a package is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// What runs the steps.
    pub builder: Builder,
    /// What the result runs on.
    pub target: Platform,
    /// Which instructions the result may use.
    pub cpu: Cpu,
    /// Where the package stands in views.
    #[serde(default, skip_serializing_if = "Prefix::is_default")]
    pub prefix: Prefix,
    /// Trees from elsewhere: `src` at `/build/src`, others at `/build/<name>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<InputName, Source>,
    /// Packages that run on the builder, merged at `/usr`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<InputName, Input>,
    /// Packages for the target, merged at `/nuka/target/usr`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packages: BTreeMap<InputName, Input>,
    /// Environment variables that every step sees.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What the build may use up.
    #[serde(default, skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Which output each file of the result belongs to: first match wins, the rest is `out`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputRule>,
}

/// What runs a build's steps. A new semantics of a builder is a new variant, so old ids keep their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Builder {
    /// Every program is a wasm process in the seed runtime.
    #[serde(rename = "wasm/1")]
    Wasm1,
    /// Every program is a native one of the tools, in a root of its own with nothing but these and no network. It is
    /// for what the first compilers are made with, and no recipe can ask for it.
    #[serde(rename = "seed/1")]
    Seed1,
}

/// A package that another one uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Which package.
    pub pid: Pid,
    /// Which of its outputs, sorted.
    pub outputs: Vec<OutputName>,
}

/// Files of the result that make an output of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRule {
    /// The output.
    pub name: OutputName,
    /// Globs relative to the prefix.
    pub globs: Vec<String>,
}

/// Where a package stands: `/usr`, or `/usr/lib/<name>-<slot>` beside another version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prefix(String);

impl Default for Prefix {
    fn default() -> Self {
        Self("/usr".to_owned())
    }
}

impl Prefix {
    /// Checks a path: `/usr`, or a directory right below `/usr/lib`.
    pub fn new(path: &str) -> Result<Self, Invalid> {
        let prefix = Self(path.to_owned());
        if prefix.is_valid() { Ok(prefix) } else { Err(Invalid::Prefix { path: path.to_owned() }) }
    }

    /// The absolute path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its leading `/`, as it stands in `out/`.
    pub fn relative(&self) -> &str {
        self.0.trim_start_matches('/')
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.0 == "/usr" || self.0.strip_prefix("/usr/lib/").is_some_and(|slot| InputName::new(slot).is_ok())
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a build may use up before it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Linear memory of one process, in MiB; at most 4096 for 32-bit wasm.
    pub memory_mib: u32,
    /// Wall time of one process, in seconds.
    pub seconds: u32,
    /// Size of the build tree, in MiB.
    pub tree_mib: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_mib: 4096, seconds: 3600, tree_mib: 8192 }
    }
}

impl Limits {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a text is not a PIR.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PirError {
    /// The text is not canonical NUON of a PIR's shape.
    #[error(transparent)]
    Text(#[from] CanonicalError),
    /// The data breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Pir {
    /// Checks every rule that the types alone do not keep, and gives the canonical text.
    pub fn to_text(&self) -> Result<String, PirError> {
        validate::pir(self)?;
        Ok(canonical::to_text(self)?)
    }

    /// Reads canonical text. Nothing else is accepted: `from_text(t)?.to_text()? == t`.
    pub fn from_text(text: &str) -> Result<Self, PirError> {
        let pir: Self = canonical::from_text(text)?;
        let again = pir.to_text()?;
        if again != text {
            // Defaults written out, or parts that could be joined: readable, but a second text for one PIR.
            let at = again.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
            return Err(CanonicalError::NotCanonical { at, rule: "what is the default is left out" }.into());
        }
        Ok(pir)
    }

    /// The id of a PIR with this canonical text.
    pub fn pid_of_text(text: &str) -> Pid {
        Pid::from_bytes(blake3::derive_key("nuka pir 1", text.as_bytes()))
    }

    /// The PIR's id.
    pub fn pid(&self) -> Result<Pid, PirError> {
        Ok(Self::pid_of_text(&self.to_text()?))
    }

    /// Every package that must be realised before this one can be built, by PID, each once.
    pub fn build_inputs(&self) -> impl Iterator<Item = (&InputName, &Input)> {
        self.build.tools.iter().chain(&self.build.packages)
    }

    /// Every package that this one refers to.
    pub fn references(&self) -> impl Iterator<Item = (&InputName, &Input)> {
        self.build_inputs().chain(&self.run.needs)
    }

    /// The package's directory name in the store: `<pid>-<name>-<version>`.
    pub fn store_name(&self, pid: Pid) -> String {
        format!("{pid}-{}-{}", self.name, self.version)
    }
}

/// Reads the list of steps that a `steps-from` file holds: NUON as [`canonical`] writes it.
pub fn steps_from_text(text: &str) -> Result<Vec<Step>, PirError> {
    let steps: Vec<Step> = canonical::from_text(text.trim_end_matches('\n'))?;
    validate::steps(&steps, 0, 0)?;
    Ok(steps)
}

/// The canonical text of steps, which [`steps_from_text`] reads.
pub fn steps_to_text(steps: &[Step]) -> Result<String, PirError> {
    validate::steps(steps, 0, 0)?;
    Ok(canonical::to_text(&steps)?)
}
