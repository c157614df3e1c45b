//! What a request failed with, as plain data: an [`Error`] as it crosses to whoever asked, in process or over a socket.

use crate::{api::BuildReport, error::Error};
use nuka_nushell_ext::RecipeError;
use serde::{Deserialize, Serialize};
use std::io;

/// The code of a daemon that begins nothing new, because it was told to end.
pub(crate) const ENDING: &str = "nuka::daemon::ending";

/// Why a request was not carried out, and what to do.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What it means for whoever asked.
    pub kind: FaultKind,
    /// What went wrong, for machines: `nuka::store`.
    pub code: String,
    /// What went wrong. Untrusted text.
    pub message: String,
    /// What to do about it. Untrusted text.
    pub help: Option<String>,
    /// The recipe that is wrong, with its places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Box<RecipeError>>,
    /// What was built and what was not, where that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Box<BuildReport>>,
}

/// What a fault means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// What was asked for is not there.
    Absent,
    /// What was named is no program that can be run.
    NotExecutable,
    /// The program crashed.
    Crashed,
    /// Who asked may not.
    Refused,
    /// The daemon cannot be reached, or has ended meanwhile.
    NoDaemon,
    /// Everything else.
    Failed,
}

impl Fault {
    /// A fault that no [`Error`] stands behind.
    pub(crate) fn new(kind: FaultKind, code: &str, message: impl Into<String>) -> Self {
        let (code, message) = (code.to_owned(), message.into());
        Self { kind, code, message, help: None, recipe: None, report: None }
    }

    /// Says what to do.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<Error> for Box<Fault> {
    fn from(error: Error) -> Self {
        Box::new(error.into())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let fault = Self {
            kind: kind(&error),
            code: error.code().to_owned(),
            message: error.to_string(),
            help: error.help(),
            recipe: None,
            report: None,
        };
        match error {
            Error::Recipe(recipe) => Self { code: recipe.code.clone(), recipe: Some(recipe), ..fault },
            Error::BuildFailed { report, .. } => Self { report: Some(report), ..fault },
            _ => fault,
        }
    }
}

fn kind(error: &Error) -> FaultKind {
    match error {
        Error::NotFound { .. }
        | Error::UnknownPackage { .. }
        | Error::NotBuilt { .. }
        | Error::NoProgram { .. }
        | Error::NoPrograms { .. }
        | Error::WhichProgram { .. } => FaultKind::Absent,
        // One that is named within a recipe is that recipe's fault, and has a place in it.
        Error::Recipe(recipe)
            if ["nuka::recipe::not_found", "nuka::recipe::version"].contains(&recipe.code.as_str())
                && recipe.labels.is_empty()
                && recipe.asked_for().is_empty() =>
        {
            FaultKind::Absent
        }
        Error::RecipeFile { source, .. } | Error::File { source, .. }
            if source.kind() == io::ErrorKind::NotFound =>
        {
            FaultKind::Absent
        }
        Error::Runtime(_) | Error::Live(_) | Error::NoNativeRun { .. } => FaultKind::NotExecutable,
        Error::Crashed { .. } => FaultKind::Crashed,
        _ => FaultKind::Failed,
    }
}

/// What to do about a file that the system refuses.
pub fn file_help(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "check who owns it, and who may read and write it",
        io::ErrorKind::ReadOnlyFilesystem => "choose a place that can be written to",
        io::ErrorKind::IsADirectory => "name a file, not a directory",
        io::ErrorKind::NotADirectory => "check the path: a file stands where a directory is expected",
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => "check that it is the file that is meant",
        _ => "check the file and the disk that it is on",
    }
}
