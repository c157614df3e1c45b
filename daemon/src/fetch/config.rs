//! Everything that fetching takes from its surroundings, passed in: this room reads no environment of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a [`Fetcher`](super::Fetcher) knows of the person, the machine and the wish to be online.
#[derive(Debug, Clone)]
pub struct FetchConfig {
    /// The environment variables as the person's own clients would see them (`CARGO_HOME`, `NPM_CONFIG_*`, `PIP_*`,
    /// `UV_*`, `HTTPS_PROXY`, `SSL_CERT_FILE`, ...).
    pub env: BTreeMap<String, String>,
    /// The home directory, where the clients' own configuration is looked for.
    pub home: PathBuf,
    /// The directory that the search for project configuration (`.cargo/config.toml`, `.npmrc`, `uv.toml`) starts from.
    pub directory: PathBuf,
    /// Where the machine's own configuration is found: `/`, except in tests.
    pub system: PathBuf,
    /// Where downloads are written and kept until they are imported.
    pub downloads: PathBuf,
    /// Whether to contact nobody.
    pub offline: bool,
    /// How long to wait, how often to try, how much to take.
    pub patience: Patience,
}

impl FetchConfig {
    /// A configuration with the defaults: online, the machine's own configuration under `/`.
    pub fn new(
        env: BTreeMap<String, String>,
        home: impl Into<PathBuf>,
        directory: impl Into<PathBuf>,
        downloads: impl Into<PathBuf>,
    ) -> Self {
        Self {
            env,
            home: home.into(),
            directory: directory.into(),
            system: PathBuf::from("/"),
            downloads: downloads.into(),
            offline: false,
            patience: Patience::default(),
        }
    }

    /// A variable of the environment; one that is set to nothing counts as not set.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A file of the machine's own configuration, such as `etc/npmrc`.
    pub(crate) fn system_file(&self, path: &str) -> PathBuf {
        self.system.join(path)
    }

    /// The person's configuration directory: `$XDG_CONFIG_HOME`, or `.config` in the home directory.
    pub(crate) fn user_config(&self) -> PathBuf {
        match self.variable("XDG_CONFIG_HOME").map(Path::new) {
            Some(path) if path.is_absolute() => path.to_owned(),
            _ => self.home.join(".config"),
        }
    }

    /// The machine's configuration directories: `$XDG_CONFIG_DIRS`, or `etc/xdg`.
    pub(crate) fn system_configs(&self) -> Vec<PathBuf> {
        match self.variable("XDG_CONFIG_DIRS") {
            Some(list) => list.split(':').filter(|part| !part.is_empty()).map(PathBuf::from).collect(),
            None => vec![self.system_file("etc/xdg")],
        }
    }
}

/// How long to wait, how often to try, how much to take. Every wait in fetching is bounded by one of these.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Longest time for a connection to stand, name lookup and TLS included.
    pub connect: Duration,
    /// Longest time without a byte, and the time in which [`least`](Self::least) bytes must have come.
    pub stall: Duration,
    /// Fewest bytes that must come in each period of [`stall`](Self::stall) for a download to count as moving.
    pub least: u64,
    /// How many attempts may fail one after another without progress.
    pub attempts: u32,
    /// How many attempts a download may take in all, however much each brings.
    pub attempts_in_all: u32,
    /// The wait after the first failure; it doubles with each.
    pub pause: Duration,
    /// The longest wait between two attempts, whatever a server asks for.
    pub longest_pause: Duration,
    /// Largest download, in bytes.
    pub largest_download: u64,
    /// Largest page of an index, in bytes, unpacked.
    pub largest_page: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            least: 4096,
            attempts: 5,
            attempts_in_all: 60,
            pause: Duration::from_millis(400),
            longest_pause: Duration::from_secs(20),
            largest_download: 16 << 30,
            largest_page: 512 << 20,
        }
    }
}
