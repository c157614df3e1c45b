//! What a build does: steps, as plain data.
//!
//! Paths in steps are relative to the working directory `/build` unless they are absolute; a path that
//! ends in `/` names a directory to put things into. Globs know `*`, `?`, `[...]`, `{a,b}` and `**`, match
//! in the tree as it stands when the step starts, and give sorted paths; one that matches nothing is an error.

use crate::{Template, name::InputName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that a build does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Starts a program and waits for it.
    Run(RunStep),
    /// Runs `steps` for every item, side by side; each sees the tree as it was before the group.
    ForEach {
        /// What to go over.
        over: Items,
        /// What to do with each.
        steps: Vec<Step>,
    },
    /// Runs each list of steps, side by side; each sees the tree as it was before the group.
    Parallel(Vec<Vec<Step>>),
    /// Writes a file.
    Write {
        /// The file; what was there is replaced.
        path: Template,
        /// Its contents, UTF-8.
        text: Template,
        /// Whether it may be executed.
        #[serde(default, skip_serializing_if = "is_false")]
        executable: bool,
    },
    /// Makes a directory, and those above it.
    MakeDirectory(Template),
    /// Copies files, directories and symlinks as they are.
    Copy {
        /// What to copy.
        from: Vec<Argument>,
        /// Where to; a directory if it ends in `/` or if several things are copied.
        to: Template,
    },
    /// Moves files, directories and symlinks.
    Move {
        /// What to move.
        from: Vec<Argument>,
        /// Where to, as for a copy.
        to: Template,
    },
    /// Removes files, symlinks and whole directories. What is named without a glob must be there.
    Remove(Vec<Argument>),
    /// Makes a symlink.
    Symlink {
        /// Where it stands.
        path: Template,
        /// What it says.
        target: Template,
    },
    /// Copies into the output, below its prefix, with modes set.
    Install {
        /// What to install.
        from: Vec<Argument>,
        /// Where to, relative to the prefix in `out/`; a directory if it ends in `/`.
        to: Template,
        /// Whether files become executable; where it is not given, they keep what they have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        executable: Option<bool>,
    },
    /// Replaces text in a file; each text must be there.
    Substitute {
        /// The file.
        path: Template,
        /// What to look for, and what to put in its place, everywhere, in this order.
        replacements: Vec<(Template, Template)>,
    },
    /// Unpacks an archive of the build tree: a tar, perhaps compressed, a zip or a `.deb`, as sources are.
    Unpack {
        /// The archive.
        archive: Template,
        /// The directory that its contents are put into.
        to: Template,
    },
    /// Does the steps that an earlier step wrote into a file, as canonical NUON.
    StepsFrom(Template),
}

/// A program's start.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunStep {
    /// The program, then its arguments. A program without `/` is looked up in `/usr/bin`; one with `/` is a
    /// file of the build tree.
    pub command: Vec<Argument>,
    /// Environment variables beside those of the build.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Template>,
    /// Working directory, if it is not `/build`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<Template>,
    /// What the program reads; nothing if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Stdin>,
    /// What becomes of its standard output; the log if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Stdout>,
    /// The exit code that means success.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exit_code: u8,
}

/// What a program reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// This text.
    Text(Template),
    /// This file's contents.
    File(Template),
}

/// What becomes of a program's standard output.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdout {
    /// It is written to this file.
    Save(Template),
    /// It must be this text, to the byte.
    Expect(Template),
    /// It must have this text in it.
    Contains(Template),
}

/// An argument: one text, or as many as a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Argument {
    /// One text.
    Text(Template),
    /// The sorted paths that match.
    Glob(Glob),
}

/// Patterns whose sorted matches stand in the place of one argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Glob {
    /// The patterns. Each must match something.
    pub glob: Vec<Template>,
    /// What matches one of these is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Template>,
}

/// What a `for-each` goes over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Items {
    /// These texts.
    List(Vec<String>),
    /// The sorted paths that match.
    Glob(Glob),
}

impl Argument {
    /// An argument without variables.
    pub fn literal(text: impl Into<String>) -> Self {
        Self::Text(Template::literal(text))
    }
}

impl Step {
    /// The step's name in recipes and messages.
    pub fn verb(&self) -> &'static str {
        match self {
            Step::Run(_) => "run",
            Step::ForEach { .. } => "for-each",
            Step::Parallel(_) => "parallel",
            Step::Write { .. } => "write",
            Step::MakeDirectory(_) => "make-directory",
            Step::Copy { .. } => "copy",
            Step::Move { .. } => "move-to",
            Step::Remove(_) => "remove",
            Step::Symlink { .. } => "symlink",
            Step::Install { .. } => "install",
            Step::Substitute { .. } => "substitute",
            Step::Unpack { .. } => "unpack",
            Step::StepsFrom(_) => "steps-from",
        }
    }
}

/// Where a build's input is found while it runs.
pub fn input_path(name: &InputName) -> String {
    format!("/nuka/in/{name}")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(code: &u8) -> bool {
    *code == 0
}
