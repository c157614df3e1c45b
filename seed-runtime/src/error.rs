//! What can go wrong around a process. What goes wrong inside it is an [`Exit`](crate::Exit).

use std::{io, path::PathBuf};

use crate::{
    module::{Dialect, ModuleId},
    tree::GuestPath,
};

/// Why a module cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The bytes are not WebAssembly.
    #[error("it is not a WebAssembly module but {found}")]
    NotWasm {
        /// What the bytes seem to be.
        found: &'static str,
    },
    /// The bytes are a component (WASI preview 2 or later).
    #[error("it is a WebAssembly component (WASI preview 2); only WASI preview 1 commands can be run")]
    Component,
    /// The bytes begin as a module but are not valid, or use a proposal that is not supported.
    #[error("it is not a valid WebAssembly module: {message}")]
    Invalid {
        /// What is wrong.
        message: String,
    },
    /// The module has no `_start`.
    #[error("it is not a command: it has no function `_start`; it seems to be {looks_like}")]
    NoStart {
        /// What it looks like.
        looks_like: Dialect,
    },
    /// The module imports what nobody here provides.
    #[error("it needs {} not provided here ({}); it seems to be {looks_like}", count(.missing), some(.missing))]
    UnknownImports {
        /// The imports, as `module.name`, in the module's order.
        missing: Vec<String>,
        /// What it looks like.
        looks_like: Dialect,
    },
    /// The bytes are not those that the caller named.
    #[error("its content is damaged: its hash is {got}, {expected} was expected")]
    WrongContent {
        /// The id that was asked for.
        expected: ModuleId,
        /// The id of the bytes that were given.
        got: ModuleId,
    },
    /// Compiling it failed.
    #[error("compiling it failed: {message}")]
    Compile {
        /// What the compiler said.
        message: String,
    },
}

fn count(missing: &[String]) -> String {
    match missing.len() {
        1 => "1 import that is".to_owned(),
        n => format!("{n} imports that are"),
    }
}

fn some(missing: &[String]) -> String {
    let mut shown: Vec<&str> = missing.iter().take(8).map(String::as_str).collect();
    if missing.len() > shown.len() {
        shown.push("...");
    }
    shown.join(", ")
}

/// Why a process could not be run at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The module cannot be used.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// One mount lies inside another.
    #[error("the mount `{inner}` lies inside the mount `{outer}`; put its tree into the other's")]
    NestedMounts {
        /// The mount that contains the other.
        outer: GuestPath,
        /// The mount inside it, or at the same path.
        inner: GuestPath,
    },
    /// The working directory is not a directory of a mount.
    #[error("the working directory `{cwd}` is not a directory in any of the mounts")]
    NoWorkingDirectory {
        /// The working directory asked for.
        cwd: GuestPath,
    },
    /// An argument or an environment variable cannot be given to a process.
    #[error("an {what} has a NUL byte, or all together are longer than 4 GiB")]
    BadStrings {
        /// `argument` or `environment variable`.
        what: &'static str,
    },
    /// The engine could not be set up on this machine.
    #[error("the WebAssembly engine cannot be set up: {message}")]
    Engine {
        /// What it said.
        message: String,
    },
    /// A process could not be started, for instance because the host has no memory left for it.
    #[error("the process cannot be started: {message}")]
    Start {
        /// What the engine said.
        message: String,
    },
    /// The cache of compiled modules could not be used.
    #[error("the cache of compiled modules failed at `{path}`: {source}", path = .path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The module's bytes could not be read.
    #[error("the module {id} cannot be read: {source}")]
    Source {
        /// The module.
        id: ModuleId,
        /// What reading gave.
        source: io::Error,
    },
}
