//! Work that goes on beside a request and after it: compiling large programs well, while their quickly compiled
//! code does what is asked for.
//!
//! It is done by a process of its own with a lower priority, which ends by itself and which nobody waits for. If it
//! is killed, nothing is lost but time: the next request that meets quickly compiled code starts another.

use nuka_seed_runtime::ModuleId;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// The verb of nuka's own executable that does such work; a file follows.
pub const VERB: &str = "__compile";

/// How much less urgent it is than what a person waits for, in steps of `nice(1)`.
const LESS_URGENT: i32 = 10;

/// Starts such work, once for each module.
#[derive(Debug)]
pub struct Background {
    executable: PathBuf,
    cache: PathBuf,
    started: Mutex<HashSet<ModuleId>>,
}

impl Background {
    /// Work done by `executable`, nuka itself, for the cache of this directory.
    pub fn new(executable: PathBuf, cache: PathBuf) -> Self {
        Self { executable, cache, started: Mutex::default() }
    }

    /// Has the wasm file of the module compiled with all optimisations. True if that begins now; false if it was
    /// begun before, or cannot be.
    pub fn improve(&self, id: ModuleId, file: &Path) -> bool {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        started.insert(id) && self.start(file).is_ok()
    }

    fn start(&self, file: &Path) -> std::io::Result<()> {
        let mut command = Command::new(&self.executable);
        command.arg(VERB).arg(file).env("NUKA_CACHE_DIR", &self.cache);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // The cache's directory keeps no directory of the person's in use.
        command.current_dir(&self.cache);
        detached(&mut command);
        command.spawn().map(drop)
    }
}

/// Makes this process less urgent than others.
#[cfg(unix)]
pub fn yield_to_others() {
    // If it cannot be, it is merely as urgent as others.
    let _ = rustix::process::nice(LESS_URGENT);
}

/// Makes this process less urgent than others.
#[cfg(not(unix))]
pub fn yield_to_others() {}

/// What interrupts the person's command does not end the work.
#[cfg(unix)]
fn detached(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
fn detached(_: &mut Command) {}
