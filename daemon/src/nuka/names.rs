//! What a mount of the store shows, told to whoever serves the mount.

use super::Nuka;
use crate::{
    api::{NameList, NamedTree},
    error::Error,
};
use nuka_store::{EntryName, RootTarget, Tree};
use nuka_vfs::source::{Source as _, SourceError};

impl Nuka {
    /// The names at the root of a mount; `None` if they are still those of version `since`.
    pub fn names(&self, since: Option<u64>) -> Result<Option<NameList>, Error> {
        let source = self.shared.names()?;
        let version = source.version();
        if since == Some(version) {
            return Ok(None);
        }
        let list = source.list().map_err(failed)?;
        Ok(Some(NameList { version, names: list.iter().map(|(name, tree)| named(name, *tree)).collect() }))
    }

    /// The tree that a name at the root of a mount stands for.
    pub fn named(&self, name: &str) -> Result<Option<NamedTree>, Error> {
        // A name that no entry can have names nothing.
        let Ok(name) = EntryName::new(name.as_bytes()) else { return Ok(None) };
        let find = || self.shared.names()?.find(&name).map_err(failed);
        let Some(tree) = find()? else { return Ok(None) };
        // Whoever asks is about to read it, at any time from now on: it is looked up again once it is held.
        self.hold(&[RootTarget::Tree(tree.cid)])?;
        Ok(find()?.map(|tree| named(&name, tree)))
    }
}

fn named(name: &EntryName, tree: Tree) -> NamedTree {
    let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
    NamedTree { name, cid: tree.cid, bytes: tree.size, entries: tree.count }
}

fn failed(error: SourceError) -> Error {
    match error {
        SourceError::Store(error) => Error::Store(error),
        SourceError::Other { reason } => Error::Names { reason },
    }
}
