//! `nuka.lock`: which packages an environment came to when it was locked.
//!
//! ```text
//! {"version": 1, "packages": {"lua": {"version": "5.4.8", "pid": "..."}}}
//! ```
//!
//! JSON, which is NUON too, over several lines, so that one changed package is a change of few lines.

use crate::{daemon::PackageRef, error::Error};
use fs_err as fs;
use nuka_pir::Pid;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// Its name, beside the environment's file.
pub const FILE: &str = "nuka.lock";
const VERSION: u32 = 1;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// By name.
    pub packages: BTreeMap<String, Locked>,
}

/// What a package is held to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// For people.
    pub version: String,
    /// What counts.
    pub pid: Pid,
}

/// Where the lock file of an environment is.
pub fn path(environment: &Path) -> PathBuf {
    environment.with_file_name(FILE)
}

impl Lock {
    /// These packages.
    pub fn of(packages: &[PackageRef]) -> Self {
        let locked = |package: &PackageRef| {
            (package.name.clone(), Locked { version: package.version.clone(), pid: package.pid })
        };
        Self { version: VERSION, packages: packages.iter().map(locked).collect() }
    }

    /// The one beside an environment's file, if there is one.
    pub fn read(environment: &Path) -> Result<Option<Self>, Error> {
        let path = path(environment);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("read", &path)(error)),
        };
        let wrong = |reason: String| Error::Usage {
            message: format!("{} is no lock file of this version of nuka: {reason}", path.display()),
            help: "`nuka lock` writes it anew".to_owned(),
        };
        let lock: Self = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        match lock.version {
            VERSION => Ok(Some(lock)),
            other => Err(wrong(format!("its version is {other}"))),
        }
    }

    /// As it is written.
    pub fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::Data(error.to_string()))?;
        Ok(text + "\n")
    }
}
