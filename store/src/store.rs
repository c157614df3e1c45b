//! The store on disk, version 1.
//!
//! ```text
//! ROOT/
//!   version          "nuka store 1\n"
//!   objects/ab/cdef  blobs by id in base32, 0444; a directory object is a blob too
//!   index.redb       what is known of them: see `index`
//!   owner.lock       held while a process has the store open: see `owner`
//!   owner.queue      held while a process waits for it
//!   index.lock       held while a process has the index open
//!   index.queue      held while a process waits for it
//!   logs/            build logs
//!   leases/          what living processes keep: see `lease`
//!   trash/           what a collection moved aside: see `gc`
//!   gc.*, finds.lock locks between collections and the others: see `gc`
//!   damaged/         objects that were found damaged, for looking at
//!   reserve          room for collecting on a full disk: see `reserve`
//!   tmp/             temporary files, one directory for each process
//! ```

use crate::{
    batch::Batch,
    buffer::Pool,
    cancel::Cancel,
    error::StoreError,
    gc::locks::GcLocks,
    index::{Index, IndexOptions, IndexReader, IndexWriter, RootTarget, Used},
    lease::Lease,
    lost,
    objects::{ObjectDir, hash_file, read_checked},
    owner::{OwnerLock, Ownership},
    reader::ObjectReader,
    reserve,
    staging::{self, ProcessDirectory},
    sync::Syncer,
    watch::{FileChange, FileWatch, Watch},
};
use nuka_pir::BlobId;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// The version of the layout that is read and written.
pub const STORE_VERSION: u32 = 1;

/// How a store is opened.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {
    /// Whether this process has the store alone.
    pub owner: Ownership,
    /// Who is asked before each change of a file: for trying out power cuts and faults.
    pub watch: Option<Arc<dyn FileWatch>>,
    /// How the index is shared with other processes.
    pub index: IndexOptions,
}

/// A content-addressed store. Cheap to clone; share it between threads.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
    cancel: Cancel,
}

#[derive(Debug)]
pub(crate) struct Inner {
    root: PathBuf,
    pub(crate) objects: ObjectDir,
    index: Index,
    syncer: Syncer,
    process: OnceLock<ProcessDirectory>,
    starting: Mutex<()>,
    buffers: Arc<Pool>,
    pub(crate) gc: Arc<GcLocks>,
    // After the index: fields are dropped in order.
    _owner: OwnerLock,
}

impl Inner {
    /// Returns when all that was written to the store so far is durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let asked = self.objects.watch().ask(FileChange::SyncAll);
        asked.map_err(|error| {
            StoreError::io("make durable what was written to", self.objects.path(), error)
        })?;
        self.syncer.sync(self.objects.fd(), self.objects.path())
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// This process's temporary directory, made when first asked for.
    pub(crate) fn process_directory(&self) -> Result<&ProcessDirectory, StoreError> {
        if let Some(directory) = self.process.get() {
            return Ok(directory);
        }
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = self.process.get() {
            return Ok(directory);
        }
        let directory = ProcessDirectory::create(&self.root.join("tmp"))?;
        Ok(self.process.get_or_init(|| directory))
    }
}

impl Store {
    /// Opens the store in the directory `root`, which is made if it is missing or empty. What processes that
    /// died left behind is removed. One that this process may only read can be read.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] if something else is there, [`StoreError::UnknownVersion`], [`StoreError::Owned`]
    /// while another process owns it, [`StoreError::InUse`] if it is to be owned and others do not leave in the
    /// time of [`IndexOptions::wait`], I/O errors, and those of the index.
    pub fn open(root: impl AsRef<Path>, options: &StoreOptions) -> Result<Self, StoreError> {
        let root = root.as_ref();
        // Absolute, so that a later change of the working directory changes nothing.
        let root = std::path::absolute(root).map_err(|error| StoreError::io("find", root, error))?;
        if !has_version(&root)? {
            create_layout(&root)?;
        }
        let owner = OwnerLock::take(&root, options.owner, options.index.wait)?;
        match staging::remove_stale(&root.join("tmp")) {
            // What is there can be read all the same.
            Err(error) if error.is_read_only() => {}
            removed => drop(removed?),
        }
        reserve::keep(&root);
        let objects = ObjectDir::open(root.join("objects"), Watch(options.watch.clone()))?;
        lost::note(&root, &objects)?;
        let inner = Inner {
            objects,
            index: Index::open(&root, options.index.clone(), options.owner, Watch(options.watch.clone()))?,
            syncer: Syncer::default(),
            process: OnceLock::new(),
            starting: Mutex::new(()),
            buffers: Arc::default(),
            gc: Arc::new(GcLocks::new(&root, options.index.wait)),
            root,
            _owner: owner,
        };
        Ok(Self { inner: Arc::new(inner), cancel: Cancel::default() })
    }

    /// The same store for work that may be stopped: what is read, added, looked through or collected through the
    /// handle that is returned fails with [`StoreError::Cancelled`] soon after that is set, and leaves what any
    /// other error would leave.
    #[must_use]
    pub fn until(&self, cancel: Cancel) -> Self {
        Self { inner: Arc::clone(&self.inner), cancel }
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The store's directory.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Where a build's log belongs, relative to the store's directory.
    pub fn log_path(build: &nuka_pir::BuildId) -> PathBuf {
        let text = build.to_string();
        let (shard, rest) = text.split_at_checked(2).unwrap_or((&text, ""));
        [Path::new("logs"), Path::new(shard), Path::new(&format!("{rest}.log"))].iter().collect()
    }

    /// Begins to add objects.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone(), Arc::clone(&self.inner.buffers))
    }

    /// The index as it is now; later changes are not seen through it. Give it back soon: while it lives, no
    /// other process can write to the index.
    pub fn read(&self) -> Result<IndexReader, StoreError> {
        Ok(self.inner.index.read()?)
    }

    /// Changes the index, durably: all that `change` writes, or nothing if it or the commit fails. What is
    /// said about new objects goes through [`Batch::commit`] instead.
    pub fn update<R, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut IndexWriter<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.inner.index.update(change)
    }

    /// Keeps these for as long as the lease, and this process, lives: a package with all it needs, a tree with all
    /// that is in it, a blob. What is there when this has returned stays; what is not there yet is kept once it is.
    pub fn lease(&self, items: &[RootTarget]) -> Result<Lease, StoreError> {
        Lease::take(self.root(), &self.inner.gc, items)
    }

    /// Writes down that these are used now. Nothing is written, and nothing waited for, if all were used in the last
    /// day already. Says how many were written.
    pub fn touch(&self, items: &[Used], now_ms: u64) -> Result<usize, StoreError> {
        let news = self.read()?.to_touch(items, now_ms)?;
        if news.is_empty() {
            return Ok(0);
        }
        match self.update(|index| Ok::<_, StoreError>(index.touch(&news, now_ms)?)) {
            // Who may only read uses it all the same.
            Err(error) if error.is_read_only() => Ok(0),
            touched => touched,
        }
    }

    /// Closes the index now if nobody uses it, also that of an owner: for a process that is about to end, whatever of it
    /// still has the store. One that was not closed is repaired when it is next opened, for which it must be writable.
    pub fn close_index(&self) {
        self.inner.index.close();
    }

    /// Closes the index now if nobody in this process uses it, instead of a little later. An owner keeps it open.
    pub fn release_index(&self) {
        self.inner.index.release();
    }

    /// Whether the store has a blob.
    pub fn has(&self, id: &BlobId) -> Result<bool, StoreError> {
        Ok(self.inner.objects.size(id)?.is_some())
    }

    /// Reads the object again and, if its bytes are not its own, moves it away to `damaged/`, so that adding
    /// the same data heals it. Says whether it was damaged.
    pub fn quarantine(&self, id: &BlobId) -> Result<bool, StoreError> {
        let path = self.blob_path(id);
        let failed = |error| StoreError::io("read the object", &path, error);
        let (found, _) = hash_file(&mut self.open_blob(id)?, &mut Vec::new()).map_err(failed)?;
        if found == *id {
            return Ok(false);
        }
        let place = self.root().join("damaged");
        let watch = self.inner.objects.watch();
        let aside = place.join(id.to_string());
        let moved = fs_err::create_dir_all(&place)
            .and_then(|()| watch.ask(FileChange::Rename(&path, &aside)))
            .and_then(|()| fs_err::rename(&path, &aside));
        moved.map_err(|error| StoreError::io("move the damaged object", &path, error))?;
        Ok(true)
    }

    /// The directory of objects, for mounting: blob `abcdef...` is at `ab/cdef...` in it.
    pub fn objects_path(&self) -> &Path {
        self.inner.objects.path()
    }
}

impl ObjectReader for Store {
    fn open_blob(&self, id: &BlobId) -> Result<File, StoreError> {
        self.cancel.check()?;
        self.inner.objects.open_object(id)?.ok_or(StoreError::NoObject { id: *id })
    }

    fn read_blob(&self, id: &BlobId) -> Result<Vec<u8>, StoreError> {
        read_checked(self.open_blob(id)?, id, || self.blob_path(id))
    }

    fn blob_path(&self, id: &BlobId) -> PathBuf {
        self.inner.objects.path_of(id)
    }

    fn blob_size(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        self.inner.objects.size(id)
    }
}

fn version_text() -> String {
    format!("nuka store {STORE_VERSION}\n")
}

/// Whether `root` is a store of the known version; an error if it is one of another.
fn has_version(root: &Path) -> Result<bool, StoreError> {
    let path = root.join("version");
    match fs_err::read(&path) {
        Ok(text) if text == version_text().as_bytes() => Ok(true),
        Ok(mut got) => {
            got.truncate(64);
            while got.last().is_some_and(u8::is_ascii_whitespace) {
                got.pop();
            }
            Err(StoreError::UnknownVersion { root: root.to_path_buf(), expected: STORE_VERSION, got })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("read the store's version", path, error)),
    }
}

/// Makes the store's directories. The version file comes last: without it the rest is made again.
fn create_layout(root: &Path) -> Result<(), StoreError> {
    const PARTS: [&str; 3] = ["objects", "logs", "tmp"];
    // The last is the socket of a daemon that systemd starts with its first client.
    const OURS: [&str; 8] = ["index.", "version", "owner.", "gc.", "finds.", "leases", "daemon", "reserve"];
    let failed = |error| StoreError::io("make the store", root, error);
    fs_err::create_dir_all(root).map_err(failed)?;
    for entry in fs_err::read_dir(root).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // Another process may be making it at the same time.
        let ours = name
            .to_str()
            .is_some_and(|name| PARTS.contains(&name) || OURS.iter().any(|ours| name.starts_with(ours)));
        if !ours {
            return Err(StoreError::NotAStore { root: root.to_path_buf() });
        }
    }
    for part in PARTS {
        fs_err::create_dir_all(root.join(part)).map_err(failed)?;
    }
    let process = ProcessDirectory::create(&root.join("tmp"))?;
    let stage = process.batch()?;
    let (staged, fd, _) = stage.create(false)?;
    let temporary = stage.path_of(staged);
    let text = version_text();
    let written = rustix::io::write(&fd, text.as_bytes()).map_err(|error| failed(error.into()))?;
    if written != text.len() {
        return Err(failed(io::ErrorKind::StorageFull.into()));
    }
    rustix::fs::fsync(&fd).map_err(|error| failed(error.into()))?;
    fs_err::rename(temporary, root.join("version")).map_err(failed)?;
    let directory = fs_err::File::open(root).map_err(failed)?;
    directory.sync_all().map_err(failed)
}
