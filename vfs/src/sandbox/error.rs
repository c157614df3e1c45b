//! Why a program was not started.

use std::{io, path::PathBuf};

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// There is no program in `argv`.
    #[error("there is no program to start")]
    NoProgram,
    /// What is to be let in cannot be opened.
    #[error("cannot let in {}: {source}", path.display())]
    Source {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A path in the new root cannot be used.
    #[error("{} cannot be a place in the new root: {reason}", path.display())]
    Target {
        /// The path.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// Two things are to be at one place.
    #[error("two things are to be at {}", path.display())]
    Twice {
        /// The place.
        path: PathBuf,
    },
    /// What was let in is not what its descriptor stands for any more.
    #[error("{} was replaced by something else, which is not let in", path.display())]
    Replaced {
        /// Where it was.
        path: PathBuf,
    },
    /// The view is not there, or cannot be read.
    #[error("cannot look at the view in {}: {source}", path.display())]
    View {
        /// Its directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A step failed.
    #[error("cannot {step}: {source}")]
    Step {
        /// What was tried, as a verb with its object.
        step: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The program could not be run in the root that was made for it.
    #[error("cannot run {}: {source}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Only a process with one thread can become the program.
    #[error("a process with {threads} threads cannot become a program in a sandbox; it can start one")]
    Threads {
        /// How many it has.
        threads: usize,
    },
    /// Not on this system.
    #[error("this system has no namespaces")]
    Unsupported,
}
