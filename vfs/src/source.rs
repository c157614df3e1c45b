//! What a mount shows: the names at its root, the tree behind each, and the objects that trees are made of.
//!
//! A mount asks a [`Source`] and knows nothing of where the answers come from: [`StoreSource`] reads the index of
//! a store, [`Packages`] is a list in memory, and the daemon has one of its own that can fetch what is not here.

mod packages;
mod store;

use nuka_pir::{OutputName, PackageName, Pid, Version};
use nuka_store::{EntryName, ObjectReader, StoreError, Tree};

pub use packages::Packages;
pub use store::StoreSource;

/// Why a source has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else did.
    #[error("{reason}")]
    Other {
        /// What, for a person.
        reason: String,
    },
}

/// What is shown at the root of a mount. It is asked from several threads at once, and may take its time.
pub trait Source: Send + Sync + 'static {
    /// The objects that the trees are made of.
    fn objects(&self) -> &dyn ObjectReader;

    /// All names that are listed, in any order, each once.
    fn list(&self) -> Result<Vec<(EntryName, Tree)>, SourceError>;

    /// The tree of this name. A name that is known need not be listed.
    fn find(&self, name: &EntryName) -> Result<Option<Tree>, SourceError>;

    /// A number that is another one after the list has changed. It is asked for often.
    fn version(&self) -> u64;
}

/// The name of one output of a package at the root of the store: `<pid>-<name>-<version>[-<output>]`; `out` is
/// not written.
pub fn store_name(pid: &Pid, name: &PackageName, version: &Version, output: &OutputName) -> String {
    if *output == OutputName::out() {
        format!("{pid}-{name}-{version}")
    } else {
        format!("{pid}-{name}-{version}-{output}")
    }
}

/// The PID that such a name begins with, and what comes after the hyphen.
fn split(name: &EntryName) -> Option<(Pid, &str)> {
    let text = std::str::from_utf8(name.as_bytes()).ok()?;
    let (pid, rest) = text.split_at_checked(nuka_pir::ID_TEXT_LEN)?;
    Some((pid.parse().ok()?, rest.strip_prefix('-')?))
}
