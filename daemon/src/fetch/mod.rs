//! Fetching of sources: from an origin and a hash to a verified tree in the store.
//!
//! The way of a source: its registry's client configuration gives an address (`registry/`), the bytes come over HTTP
//! into the downloads directory and are hashed as they come (`net/`), and only a download with the right hash is read
//! into the store (`import`). Nothing here reads the environment, prints, or knows an address of its own.

mod config;
mod digest;
mod error;
mod fetcher;
mod import;
mod kept;
mod local;
mod net;
mod peek;
mod progress;
mod registry;
mod resolve;
mod update_hashes;

pub use config::{FetchConfig, Patience};
pub use digest::hash_file;
pub use error::{Ecosystem, FetchError};
pub use fetcher::{Fetched, Fetcher};
pub use import::{Local, find_local, local_hash};
pub(crate) use kept::{locks, remove_kept};
pub use progress::{Progress, silent};
pub use resolve::{Guess, Resolved, Spec};
pub use update_hashes::{EditError, HashEdit, update_hashes};

#[cfg(test)]
mod tests;
