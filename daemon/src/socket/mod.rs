//! What goes between a client and the daemon: frames over a Unix socket, and the messages in them.
//!
//! A client says [`Hello`] and is answered with [`Welcome`]. From then on it asks, one question at a time, and is told of
//! events until the answer comes. Both sides list what they can do in the first message, so that each meets the other's
//! version without surprise: what one does not know, the other does not ask for.

mod frame;
mod identity;
mod place;

pub use frame::{Frame, FrameError, Kind, Link, MAX_ANSWER, MAX_QUESTION};
pub use identity::identity;
pub use place::{Place, connect};

use crate::handed::Handed;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf};

/// The version of the frames and of the first messages. Requests have no version: they have names.
pub const PROTOCOL: u32 = 1;

/// A client's first message.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// See [`PROTOCOL`].
    pub protocol: u32,
    /// The client's version of nuka, for people.
    pub version: String,
    /// Which build of nuka it is: see [`identity`].
    pub identity: String,
    /// For whom and how to work.
    pub session: Session,
}

/// For whom and how to work: what a [`Config`](crate::Config) holds that is the client's own.
#[derive(Debug, Serialize, Deserialize)]
pub struct Session {
    /// The person's recipe roots, in order of precedence; those that are there are handed over.
    pub recipe_directories: Vec<PathBuf>,
    /// Those that are there.
    pub given: Vec<Handed>,
    /// How many processes may run at once.
    pub jobs: NonZeroUsize,
    /// Contact nobody.
    pub offline: bool,
    /// The person's home directory.
    pub home: PathBuf,
    /// The person's environment, through which clients of registries are configured.
    pub env: BTreeMap<String, String>,
    /// The person's current directory.
    pub current_directory: PathBuf,
}

/// The daemon's first message.
#[derive(Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// See [`PROTOCOL`].
    pub protocol: u32,
    /// The daemon's version of nuka, for people.
    pub version: String,
    /// Which build of nuka it is.
    pub identity: String,
    /// Its process.
    pub process: u32,
    /// Names of the requests that it answers to this client.
    pub capabilities: Vec<String>,
    /// The store that it owns.
    pub store: PathBuf,
    /// Whether it serves every user of the machine: then nobody's command ends it to start another build of nuka.
    #[serde(default)]
    pub for_all: bool,
    /// Whether it was told to end, and begins nothing new.
    #[serde(default)]
    pub ending: bool,
}

/// What every client's first message begins with, in every protocol.
#[derive(Debug, Deserialize)]
pub struct HelloHead {
    /// See [`PROTOCOL`].
    pub protocol: u32,
}

/// A question. The frame's descriptors are those of `places`, then those of the request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Question<R> {
    /// The request's name.
    pub name: String,
    /// Directories of recipes that are named by their files.
    pub places: Vec<Handed>,
    /// The request.
    pub request: R,
}

/// What a question begins with, whatever it asks.
#[derive(Debug, Deserialize)]
pub struct QuestionHead {
    /// The request's name.
    pub name: String,
    /// Directories of recipes that are named by their files.
    pub places: Vec<Handed>,
}

/// The request of a question whose name is known.
#[derive(Debug, Deserialize)]
pub struct QuestionBody<R> {
    /// The request.
    pub request: R,
}
