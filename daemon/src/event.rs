//! What happens while nuka works, told as it happens. Plain data, so that it can cross a socket.

use nuka_pir::{BuildId, Cid, Pid};
use serde::{Deserialize, Serialize};
use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Work begins: this is all that will be done, as far as it is known.
    Planned(Plan),
    /// A download goes on.
    Fetching {
        /// The source, as recipes write it.
        source: String,
        /// Bytes that are here.
        done: u64,
        /// Bytes in all, if known.
        total: Option<u64>,
    },
    /// A source is here, and its tree is in the store.
    Fetched {
        /// The source, as recipes write it.
        source: String,
    },
    /// A program's wasm is compiled for this machine.
    Compiling {
        /// The program.
        program: String,
        /// Work done so far, between 0 and 1; `None` where the compiler does not tell.
        fraction: Option<f64>,
    },
    /// A program is ready to run.
    Compiled {
        /// The program.
        program: String,
        /// Seconds that it took.
        seconds: f64,
    },
    /// A program that was compiled quickly is compiled again with all optimisations, by a process that goes on by
    /// itself.
    Improving {
        /// The program.
        program: String,
    },
    /// A build begins.
    Building {
        /// The package.
        package: PackageRef,
    },
    /// A build that was cut goes on after the last of its steps that was recorded.
    WentOn {
        /// The package.
        package: PackageRef,
        /// How many steps need not be done again.
        done: u32,
        /// How many steps there are, if that is known.
        total: Option<u32>,
    },
    /// A build has come to a step.
    Step {
        /// The package.
        package: PackageRef,
        /// The step in one line. Untrusted text.
        step: String,
    },
    /// A package is there, durably.
    Done(Outcome),
    /// A package could not be had.
    Failed(Failure),
    /// Something long goes on.
    Progress {
        /// What is done: `verifying`.
        what: String,
        /// How much of it.
        done: u64,
        /// How much there is, if it is known.
        total: Option<u64>,
    },
    /// Another process is at something that is wanted here too.
    Waiting {
        /// What for.
        what: String,
    },
    /// Something that people should know, and that stops nothing.
    Warning {
        /// What. Untrusted text.
        text: String,
    },
}

/// A package as people know it, with its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRef {
    /// Its id.
    pub pid: Pid,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What is going to be done.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// What will be downloaded.
    pub fetches: Vec<PlannedFetch>,
    /// What will be built; some of it only if its inputs turn out to differ.
    pub builds: Vec<PackageRef>,
    /// How many wanted packages are there already.
    pub present: usize,
    /// How many packages are there that the rest is made of.
    #[serde(default)]
    pub shared: usize,
}

/// A download that is going to happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFetch {
    /// The source, as recipes write it.
    pub source: String,
    /// Its size in bytes, if somebody says so.
    pub bytes: Option<u64>,
}

/// How a package came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It was there before.
    Present,
    /// Its build ran.
    Built,
    /// Its recipe changed, but nothing that its build can see: an earlier result stands.
    Unchanged,
}

/// A package that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which.
    pub package: PackageRef,
    /// How it came to be there.
    pub how: How,
    /// The build that gave it.
    pub build: BuildId,
    /// Its outputs by name.
    pub outputs: Vec<(String, Cid)>,
    /// Wall seconds that the build took; 0 if it did not run.
    pub seconds: f64,
    /// Whether its check holds; `None` if it has none, or nobody asked.
    pub check: Option<bool>,
    /// After a second build: the files that differ from the first, by path. Empty means bit for bit the same.
    pub differences: Option<Vec<String>>,
}

/// A package that is not there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which.
    pub package: PackageRef,
    /// What went wrong, in one or more lines. Untrusted text.
    pub reason: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The last lines of the build's log. Untrusted text.
    pub log_tail: Vec<String>,
    /// Where the whole log is.
    pub log: Option<PathBuf>,
    /// If it was not even begun: the package whose failure is the reason.
    pub because_of: Option<PackageRef>,
}

/// Somebody who is told.
pub trait Observer: Sync {
    /// Told of one event. Must not block for long: work waits meanwhile.
    fn event(&self, event: Event);

    /// What is set once nobody watches any more, and the work is wanted no longer; `None` if that cannot happen.
    fn gone(&self) -> Option<Arc<AtomicBool>> {
        None
    }
}

/// Tells nobody.
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event) {}
}
