//! What nuka is told about where it works. Nothing here is read from the environment: the caller passes it in.

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf};

/// Where and how to work.
#[derive(Debug, Clone)]
pub struct Config {
    /// The store's directory.
    pub store: PathBuf,
    /// Downloads and compiled programs: what can be had again.
    pub cache: PathBuf,
    /// Logs.
    pub state: PathBuf,
    /// The person's recipe roots, in order of precedence.
    pub recipe_directories: Vec<PathBuf>,
    /// How many processes may run at once.
    pub jobs: NonZeroUsize,
    /// Whose roots and profiles these are: a number of the system's.
    pub user: u32,
    /// Contact nobody.
    pub offline: bool,
    /// Nuka's own executable, for what is done by a process of its own; `None` if everything is done in this one.
    pub executable: Option<PathBuf>,
    /// Whether such processes may go on in the background.
    pub background: bool,
    /// The person's home directory, where clients keep their configuration.
    pub home: PathBuf,
    /// The person's environment, through which clients are configured.
    pub env: BTreeMap<String, String>,
    /// The person's current directory, absolute.
    pub current_directory: PathBuf,
}

impl Config {
    /// Whether the current directory is the person's home, or one above it: then a program is not let in for merely
    /// being started there.
    pub fn is_in_home(&self) -> bool {
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let here = real(&self.current_directory);
        here.parent().is_none() || real(&self.home).starts_with(&here)
    }

    /// Where build trees of native programs are while these run.
    pub fn scratch(&self) -> PathBuf {
        self.cache.join("seed")
    }

    /// Where compiled programs are kept.
    pub fn modules(&self) -> PathBuf {
        self.cache.join("modules")
    }

    /// Where the finished steps of builds are recorded that are going on, or were cut.
    pub fn steps(&self) -> PathBuf {
        self.cache.join("steps")
    }

    /// Where downloads are kept while they are not whole.
    pub fn downloads(&self) -> PathBuf {
        self.cache.join("downloads")
    }

    /// Where the launchers of shells are.
    pub fn launchers(&self) -> PathBuf {
        self.cache.join("launchers")
    }

    /// Where the person's profiles are.
    pub fn profiles(&self) -> PathBuf {
        self.state.join("profiles")
    }

    /// Where the locks of builds are.
    pub fn locks(&self) -> PathBuf {
        self.state.join("locks")
    }

    /// Where build logs are.
    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }
}
