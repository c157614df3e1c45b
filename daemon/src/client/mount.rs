//! Serving a mount of the store: by threads of this process, which asks for the names and reads the objects itself.
//!
//! So a mount goes on when the daemon ends: the next name that is looked up starts another.

use super::Client;
use crate::{api::NamedTree, error::Error, fault::Fault, nuka::MountRequest, request};
use nuka_pir::BlobId;
use nuka_store::{EntryName, ObjectReader, Objects, StoreError, Tree};
use nuka_vfs::{
    Integrity,
    mount::{self, MountMeans, MountOptions, Mounted},
    namespace,
    source::{Source, SourceError},
};
use std::{
    collections::HashMap,
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// What the store shows, as its owner tells it.
struct Asked {
    client: Client,
    objects: Objects,
    last: Mutex<Option<Arc<Known>>>,
    /// The trees that were listed and are not held yet, by their objects: a listing alone keeps nothing in the store.
    listed: Mutex<HashMap<BlobId, String>>,
}

/// What was told last.
struct Known {
    version: u64,
    names: Vec<(EntryName, Tree)>,
}

impl Client {
    /// Mounts the store and serves it from threads of this process; `damaged` is told of every object that is not
    /// what its name says, which is shown as an error and never as a file.
    ///
    /// With [`MountMeans::UserNamespace`] this process moves into a namespace of its own, for which it must have
    /// one thread; only what it starts sees the mount.
    ///
    /// # Errors
    /// If the host refuses, the directory cannot be made, or the store cannot be opened.
    pub fn mount(
        self,
        request: &MountRequest,
        damaged: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<Mounted, Box<Fault>> {
        let place = &request.place;
        let failed = |source| Error::File { action: "making", path: place.clone(), source };
        // Before anything else looks at it: a mount whose server is dead answers with errors.
        if mount::is_mounted(place).map_err(failed)? {
            return Err(Error::Mounted { place: place.clone() }.into());
        }
        if !place.exists() {
            fs_err::create_dir_all(place).map_err(failed)?;
        }
        let store = self.ask(request::Check {}, &crate::event::Silent)?;
        let real = fs_err::canonicalize(place).map_err(failed)?;
        if !real.is_dir() {
            return Err(failed(std::io::ErrorKind::NotADirectory.into()).into());
        }
        // A mount that hides what it is served from would wait for itself.
        for path in [&store, &self.config().cache] {
            let own = fs_err::canonicalize(path).unwrap_or_else(|_| path.clone());
            if own.starts_with(&real) || real.starts_with(&own) {
                return Err(Error::MountOverOwn { place: place.clone(), own }.into());
            }
        }
        if request.means == MountMeans::UserNamespace {
            namespace::enter().map_err(Error::from)?;
        }
        let objects = Objects::open(&store).map_err(Error::from)?;
        let (last, listed) = (Mutex::default(), Mutex::default());
        let source = Arc::new(Asked { client: self, objects, last, listed });
        let integrity = Arc::new(Integrity::new(move |damage| damaged(damage.to_string())));
        let options = MountOptions { passthrough: request.passthrough, ..MountOptions::default() };
        Ok(mount::mount(source, integrity, place, request.means, &options).map_err(Error::from)?)
    }
}

impl Asked {
    fn known(&self) -> Result<Arc<Known>, SourceError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let since = last.as_ref().map(|known| known.version);
        let told = self
            .client
            .ask(request::Names { since }, &crate::event::Silent)
            .map_err(|fault| other(&fault))?;
        match (told, last.as_ref()) {
            (None, Some(known)) => Ok(Arc::clone(known)),
            (told, _) => {
                let told =
                    told.ok_or_else(|| SourceError::Other { reason: "no names were told".to_owned() })?;
                let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
                listed.extend(told.names.iter().map(|named| (named.cid.into(), named.name.clone())));
                drop(listed);
                let names = told.names.into_iter().map(entry).collect::<Result<_, _>>()?;
                let known = Arc::new(Known { version: told.version, names });
                *last = Some(Arc::clone(&known));
                Ok(known)
            }
        }
    }
}

/// Whoever looks into a package that was listed goes on to read it: it is held before its first object is opened.
impl ObjectReader for Asked {
    fn open_blob(&self, id: &BlobId) -> Result<File, StoreError> {
        let name = self.listed.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some(name) = name {
            // One that cannot be held is read all the same, for as long as it is there.
            let _ = self.client.ask(request::Name { name }, &crate::event::Silent);
        }
        self.objects.open_blob(id)
    }

    fn read_blob(&self, id: &BlobId) -> Result<Vec<u8>, StoreError> {
        self.objects.read_blob(id)
    }

    fn blob_path(&self, id: &BlobId) -> PathBuf {
        self.objects.blob_path(id)
    }

    fn blob_size(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        self.objects.blob_size(id)
    }
}

impl Source for Asked {
    fn objects(&self) -> &dyn ObjectReader {
        self
    }

    fn list(&self) -> Result<Vec<(EntryName, Tree)>, SourceError> {
        Ok(self.known()?.names.clone())
    }

    fn find(&self, name: &EntryName) -> Result<Option<Tree>, SourceError> {
        // A name of a package is text.
        let Ok(text) = std::str::from_utf8(name.as_bytes()) else { return Ok(None) };
        let request = request::Name { name: text.to_owned() };
        let found = self.client.ask(request, &crate::event::Silent).map_err(|fault| other(&fault))?;
        Ok(found.map(|found| tree(&found)))
    }

    fn version(&self) -> u64 {
        // One that cannot be told now is asked for again with the next name.
        self.known().map_or(0, |known| known.version)
    }
}

fn entry(named: NamedTree) -> Result<(EntryName, Tree), SourceError> {
    let wrong = |error: nuka_store::NameError| SourceError::Other { reason: error.to_string() };
    Ok((EntryName::new(named.name.as_bytes()).map_err(wrong)?, tree(&named)))
}

fn tree(named: &NamedTree) -> Tree {
    Tree { cid: named.cid, size: named.bytes, count: named.entries }
}

fn other(fault: &Fault) -> SourceError {
    SourceError::Other { reason: fault.message.clone() }
}
