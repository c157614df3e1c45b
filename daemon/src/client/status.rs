//! What a daemon tells of itself.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is known of a daemon. What an earlier version of it does not tell is absent, empty or false.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Its process.
    pub process: u32,
    /// Its version of nuka.
    pub version: String,
    /// The store that it owns.
    pub store: PathBuf,
    /// Where clients meet it.
    #[serde(default)]
    pub socket: PathBuf,
    /// The file in which it writes down what it has to say; none if that goes to whoever started it.
    #[serde(default)]
    pub log: Option<PathBuf>,
    /// Whether it serves all users of the machine.
    #[serde(default)]
    pub for_all: bool,
    /// Seconds since it was started.
    pub up_seconds: u64,
    /// Whether it ends as soon as what it is doing is done, and begins nothing new.
    #[serde(default)]
    pub ending: bool,
    /// Seconds without clients after which it ends by itself; none if it stays.
    #[serde(default)]
    pub idle_seconds: Option<u64>,
    /// Clients that are connected, without the one who asks.
    pub clients: usize,
    /// Requests that are being carried out.
    pub working: usize,
    /// The same one by one, the longest first.
    #[serde(default)]
    pub requests: Vec<AtWork>,
    /// Names of the requests that it answers.
    pub capabilities: Vec<String>,
}

/// A request that is being carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtWork {
    /// Its name: `build`, `gc`.
    pub request: String,
    /// Who asked.
    pub client: Who,
    /// Seconds since it was asked for.
    pub seconds: u64,
    /// What is done for it at the moment. Two who share a build are told of it both.
    pub activities: Vec<Activity>,
}

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Its process; 0 where that is of another namespace.
    pub process: u32,
    /// Its user.
    pub user: u32,
}

/// Something that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// What is done: `building`, `fetching`, `compiling`, `collecting`, `verifying`, `importing`.
    pub what: String,
    /// To what, where it has a name. Untrusted text.
    pub name: String,
    /// How much of it is done; bytes of a fetch.
    pub done: Option<u64>,
    /// How much there is.
    pub total: Option<u64>,
}
