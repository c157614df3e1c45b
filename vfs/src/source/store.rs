//! A source that is the index of a store: what is realised is listed, and found by its full name.
//!
//! The index is opened for each answer and given back at once, so that others can write to it. That its list may have
//! changed is seen from the times and the length of the index's file: no time is read and nobody need tell. Opening
//! the index touches its file too, so the version follows from what is listed.

use super::{Source, SourceError, split, store_name};
use nuka_pir::{PackageName, Pid};
use nuka_store::{EntryName, ObjectReader, Outputs, Store, StoreError, Tree};
use std::{
    collections::HashMap,
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex, PoisonError},
};

/// The packages that a store's index knows.
#[derive(Debug)]
pub struct StoreSource {
    store: Store,
    last: Mutex<Option<Arc<Read>>>,
}

/// What was listed when the index's file looked like this.
#[derive(Debug)]
struct Read {
    file: Option<[i64; 6]>,
    names: Vec<(EntryName, Tree)>,
    version: u64,
}

impl StoreSource {
    /// What this store has.
    pub fn new(store: Store) -> Self {
        Self { store, last: Mutex::default() }
    }

    /// The index's file: inode, length, and when it was changed.
    fn file(&self) -> Option<[i64; 6]> {
        let file = fs_err::metadata(self.store.root().join("index.redb")).ok()?;
        let (inode, length) = (file.ino().cast_signed(), file.size().cast_signed());
        Some([inode, length, file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()])
    }

    fn read(&self) -> Result<Arc<Read>, SourceError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.file();
        if let Some(read) = last.as_ref()
            && read.file.is_some()
            && read.file == file
        {
            return Ok(Arc::clone(read));
        }
        let names = self.names()?;
        let mut hash = blake3::Hasher::new();
        for (name, tree) in &names {
            hash.update(name.as_bytes()).update(tree.cid.as_bytes());
        }
        let version = hash.finalize().as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        // The file as it was before it was read: what came after is seen the next time.
        let read = Arc::new(Read { file, names, version });
        *last = Some(Arc::clone(&read));
        Ok(read)
    }

    /// All names, in order.
    fn names(&self) -> Result<Vec<(EntryName, Tree)>, SourceError> {
        let index = self.store.read()?;
        let realised = index.realised().map_err(StoreError::Index)?;
        let mut known: HashMap<Pid, Outputs> =
            realised.into_iter().map(|(pid, realisation)| (pid, realisation.outputs)).collect();
        let mut names = Vec::with_capacity(known.len());
        for (name, pid, version) in index.packages().map_err(StoreError::Index)? {
            for (output, tree) in known.remove(&pid).unwrap_or_default() {
                names.push((entry(&store_name(&pid, &name, &version, &output))?, tree));
            }
        }
        names.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(names)
    }
}

impl Source for StoreSource {
    fn objects(&self) -> &dyn ObjectReader {
        &self.store
    }

    fn list(&self) -> Result<Vec<(EntryName, Tree)>, SourceError> {
        Ok(self.read()?.names.clone())
    }

    fn find(&self, name: &EntryName) -> Result<Option<Tree>, SourceError> {
        let Some((pid, rest)) = split(name) else { return Ok(None) };
        let index = self.store.read()?;
        let Some(realisation) = index.realisation(&pid).map_err(StoreError::Index)? else { return Ok(None) };
        // Names and versions may have hyphens, so each is tried as the one between them.
        for (at, _) in rest.match_indices('-') {
            let Some(Ok(package)) = rest.get(..at).map(PackageName::new) else { continue };
            let named = index.packages_named(&package).map_err(StoreError::Index)?;
            let Some((_, version)) = named.iter().find(|(found, _)| *found == pid) else { continue };
            let is_it = |output| store_name(&pid, &package, version, output).as_bytes() == name.as_bytes();
            if let Some((_, tree)) = realisation.outputs.iter().find(|(output, _)| is_it(output)) {
                return Ok(Some(*tree));
            }
        }
        Ok(None)
    }

    fn version(&self) -> u64 {
        // That it cannot be read is said by who lists it.
        self.read().map_or(0, |read| read.version)
    }
}

fn entry(name: &str) -> Result<EntryName, SourceError> {
    EntryName::new(name).map_err(|error| SourceError::Other { reason: format!("a package's name: {error}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nuka_pir::{BuildId, OutputName, Version};
    use nuka_store::{Realisation, StoreOptions};

    fn name(text: &str) -> EntryName {
        EntryName::new(text).unwrap()
    }

    /// Registers a package whose outputs are empty trees.
    fn register(store: &Store, number: u8, package: &str, version: &str, outputs: &[&str]) -> Pid {
        let pid = Pid::from_bytes([number; 32]);
        let (package, version) = (PackageName::new(package).unwrap(), Version::new(version).unwrap());
        let batch = store.batch();
        let tree = nuka_store::TreeBuilder::new().finish(&batch).unwrap();
        let outputs: Outputs = outputs.iter().map(|name| (OutputName::new(name).unwrap(), tree)).collect();
        let build = BuildId::from_bytes([number; 32]);
        batch
            .commit(|index| {
                index.put_pir(&pid, &package, &version, b"pir")?;
                if !outputs.is_empty() {
                    index
                        .put_realisation(&pid, &Realisation { build, outputs, time_ms: 1, duration_ms: 1 })?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        pid
    }

    #[test]
    fn what_is_realised_is_listed_and_found_by_its_full_name() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("store"), &StoreOptions::default()).unwrap();
        let source = StoreSource::new(store.clone());
        assert!(source.list().unwrap().is_empty());
        let hyphens = register(&store, 1, "a-b-1", "2-c", &["out", "dev"]);
        register(&store, 2, "unbuilt", "1", &[]);
        let plain = register(&store, 3, "plain", "1", &["out"]);
        let listed: Vec<_> = source.list().unwrap().into_iter().map(|(name, _)| name).collect();
        let names =
            [format!("{hyphens}-a-b-1-2-c"), format!("{hyphens}-a-b-1-2-c-dev"), format!("{plain}-plain-1")];
        let mut expected = names.clone().map(|text| name(&text)).to_vec();
        expected.sort();
        assert_eq!(listed, expected);
        for text in &names {
            assert!(source.find(&name(text)).unwrap().is_some(), "{text}");
        }
        for text in [
            "plain".to_owned(),
            plain.to_string(),
            format!("{plain}-"),
            format!("{plain}-plain"),
            format!("{plain}-plain-2"),
            format!("{plain}-plain-1-dev"),
            format!("{hyphens}-plain-1"),
            format!("{}-unbuilt-1", Pid::from_bytes([2; 32])),
        ] {
            assert!(source.find(&name(&text)).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn the_version_changes_with_the_index_and_not_with_looking() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("store"), &StoreOptions::default()).unwrap();
        let source = StoreSource::new(store.clone());
        register(&store, 1, "first", "1", &["out"]);
        let before = source.version();
        assert_eq!(source.list().unwrap().len(), 1);
        store.release_index();
        assert_eq!(source.list().unwrap().len(), 1);
        store.release_index();
        assert_eq!(source.version(), before);
        register(&store, 2, "second", "1", &["out"]);
        assert_ne!(source.version(), before);
        assert_eq!(source.list().unwrap().len(), 2);
    }
}
