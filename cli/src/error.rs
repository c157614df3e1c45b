//! Everything that can end a command, before it becomes text.

use crate::{
    daemon::{Fault, FaultKind, file_help},
    environment::EnvironmentError,
    exit::Exit,
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a command did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Work that was asked for could not be done.
    #[error(transparent)]
    Nuka(#[from] Box<Fault>),
    /// The environment cannot be used.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A file or directory that the command line names.
    #[error("{}", failed(doing, path, source))]
    File {
        /// What was tried: `read`, `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something would have been overwritten.
    #[error("{} is there already", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
        /// What to do.
        help: String,
    },
    /// The command line contradicts itself, or lacks something, in a way that its grammar cannot say.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to write instead.
        help: String,
    },
    /// What was asked for is not there.
    #[error("{message}")]
    Absent {
        /// What is missing.
        message: String,
        /// What to do.
        help: String,
    },
    /// A file that is no program, or none that can be run.
    #[error("{} cannot be run: {reason}", path.display())]
    NoProgram {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: String,
        /// What to do.
        help: String,
    },
    /// Output could not be written.
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    /// Something has no form as data.
    #[error("this has no form as data: {0}")]
    Data(String),
}

impl Error {
    /// A file that could not be read, written or made.
    pub fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }

    /// What kind of error it is, for machines.
    pub fn code(&self) -> &str {
        match self {
            Self::Nuka(fault) => &fault.code,
            Self::Environment(_) => "nuka::environment",
            Self::File { .. } | Self::Exists { .. } => "nuka::file",
            Self::Usage { .. } => "nuka::usage",
            Self::Absent { .. } => "nuka::not_found",
            Self::NoProgram { .. } => "nuka::program",
            Self::Output(_) | Self::Data(_) => "nuka::output",
        }
    }

    /// What to do.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Nuka(fault) => fault.help.clone(),
            Self::Environment(error) => Some(error.help()),
            Self::Exists { help, .. }
            | Self::Usage { help, .. }
            | Self::Absent { help, .. }
            | Self::NoProgram { help, .. } => Some(help.clone()),
            Self::File { source, .. } => Some(file_help(source.kind()).to_owned()),
            Self::Output(source) => Some(match source.kind() {
                io::ErrorKind::NotFound => "check where the output goes".to_owned(),
                other => file_help(other).to_owned(),
            }),
            Self::Data(_) => None,
        }
    }

    /// How the process ends. `starting` means that a program was to be run, whose own codes the low ones are.
    pub fn exit(&self, starting: bool) -> Exit {
        if matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return Exit::BrokenPipe;
        }
        let exit = match self {
            Self::Usage { .. } => Exit::Usage,
            Self::Absent { .. } => Exit::Absent,
            Self::NoProgram { .. } => Exit::NotExecutable,
            Self::Nuka(fault) => kind(fault.kind),
            _ => Exit::Failure,
        };
        match exit {
            Exit::Absent if starting => Exit::NoProgram,
            Exit::Failure if starting => Exit::NotStarted,
            Exit::NotExecutable if !starting => Exit::Failure,
            other => other,
        }
    }
}

/// What was tried with what. The errors of `fs_err` name the path themselves.
fn failed(doing: &str, path: &Path, source: &io::Error) -> String {
    match source.get_ref() {
        Some(_) => format!("cannot {doing}: {source}"),
        None => format!("cannot {doing} {}: {source}", path.display()),
    }
}

/// The exit that a fault stands for.
fn kind(kind: FaultKind) -> Exit {
    match kind {
        FaultKind::Absent => Exit::Absent,
        FaultKind::NotExecutable => Exit::NotExecutable,
        FaultKind::Crashed => Exit::Crashed,
        FaultKind::Refused | FaultKind::NoDaemon | FaultKind::Failed => Exit::Failure,
    }
}
