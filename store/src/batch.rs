//! A batch: objects that become part of the store together, and only when they are durable.
//!
//! 1. Objects are hashed and written to temporary files, by as many threads as like.
//! 2. [`Batch::commit`] makes these durable with one `syncfs`,
//! 3. gives them their names among the objects, and makes the names durable with another one;
//! 4. then commits to the index what the caller has to say about them.
//!
//! So whatever has a name among the objects is whole and durable, also after a power cut in between, and
//! whatever the index names is there. A batch that is dropped, or whose process dies, leaves nothing.

use crate::{
    buffer::Pool,
    directory::{Directory, MAX_DIRECTORY_OBJECT, Tree},
    error::StoreError,
    index::IndexWriter,
    objects::read_checked,
    reader::ObjectReader,
    staging::{Stage, StagedFile},
    store::{Inner, Store},
    writer::BlobWriter,
};
use nuka_pir::BlobId;
use rustix::{
    fd::AsFd,
    fs::{self, Mode, OFlags},
    io::Errno,
};
use std::{
    collections::HashMap,
    fs::File,
    hash::{BuildHasherDefault, Hasher},
    io::{self, Read},
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Ways into the map of staged objects, so that threads seldom wait for each other.
const SHARDS: usize = 16;

/// Objects that are being added to a store. All methods but the last take `&self`: share it between threads.
#[derive(Debug)]
pub struct Batch {
    store: Store,
    stage: OnceLock<Stage>,
    starting: Mutex<()>,
    staged: [Mutex<Shard>; SHARDS],
    /// Whether something was found in the store: perhaps put there by a process that has not synced it yet.
    found: AtomicBool,
    buffers: Arc<Pool>,
}

type Shard = HashMap<BlobId, (StagedFile, u64), BuildHasherDefault<IdHasher>>;

/// Ids are hashes already: their first bytes serve.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}

impl Batch {
    pub(crate) fn new(store: Store, buffers: Arc<Pool>) -> Self {
        Self {
            store,
            stage: OnceLock::new(),
            starting: Mutex::new(()),
            staged: Default::default(),
            found: AtomicBool::new(false),
            buffers,
        }
    }

    /// The store that the batch adds to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn inner(&self) -> &Inner {
        self.store.inner()
    }

    pub(crate) fn buffers(&self) -> &Pool {
        &self.buffers
    }

    /// The batch's temporary directory, made when first asked for.
    pub(crate) fn stage(&self) -> Result<&Stage, StoreError> {
        if let Some(stage) = self.stage.get() {
            return Ok(stage);
        }
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = self.stage.get() {
            return Ok(stage);
        }
        let stage = self.inner().process_directory()?.batch()?;
        Ok(self.stage.get_or_init(|| stage))
    }

    fn shard(&self, id: &BlobId) -> &Mutex<Shard> {
        let [first, ..] = id.as_bytes();
        let [zero, ..] = &self.staged;
        self.staged.get(usize::from(*first) % SHARDS).unwrap_or(zero)
    }

    fn staged(&self, id: &BlobId) -> Option<(StagedFile, u64)> {
        self.shard(id).lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// Whether the blob is in the batch or, with this length in bytes, in the store.
    fn has(&self, id: &BlobId, size: u64) -> Result<bool, StoreError> {
        if self.staged(id).is_some() {
            return Ok(true);
        }
        let here = self.inner().objects.size(id)? == Some(size);
        if here {
            self.found.store(true, Ordering::Relaxed);
        }
        Ok(here)
    }

    /// Adds bytes. Nothing is written if the store or the batch has them.
    pub fn add_blob(&self, bytes: &[u8]) -> Result<BlobId, StoreError> {
        let id = BlobId::of(bytes);
        self.add_hashed(id, bytes)?;
        Ok(id)
    }

    fn add_hashed(&self, id: BlobId, bytes: &[u8]) -> Result<(), StoreError> {
        if self.has(&id, bytes.len() as u64)? {
            return Ok(());
        }
        let stage = self.stage()?;
        let (staged, fd, _) = stage.create(false)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(&fd, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(error) => {
                    let _ = stage.remove(staged);
                    return Err(StoreError::io("write the temporary file", stage.path_of(staged), error));
                }
            }
        }
        drop(fd);
        self.keep(id, staged, bytes.len() as u64)
    }

    /// Adds what `reader` gives, in flat memory. The inner error is the reader's.
    pub fn add_reader(&self, reader: &mut dyn Read) -> Result<io::Result<(BlobId, u64)>, StoreError> {
        let mut writer = self.blob_writer(0);
        match writer.write_from(reader)? {
            Ok(_) => writer.finish().map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// A writer for a blob whose bytes come in parts. `expected` is about how many bytes will come (0: not
    /// known); it only chooses how they are written.
    pub fn blob_writer(&self, expected: u64) -> BlobWriter<'_> {
        BlobWriter::new(self, expected)
    }

    /// Adds a directory. Its entries' objects must be in the store or in this batch.
    pub fn add_directory(&self, directory: &Directory) -> Result<Tree, StoreError> {
        let bytes = directory.encode();
        if bytes.len() as u64 > MAX_DIRECTORY_OBJECT {
            let length = bytes.len() as u64;
            return Err(StoreError::DirectoryTooLarge { entries: directory.len(), length });
        }
        let tree = directory.tree_of(&bytes);
        self.add_hashed(tree.cid.into(), &bytes)?;
        Ok(tree)
    }

    /// Takes a whole temporary file as the blob `id`.
    pub(crate) fn keep(&self, id: BlobId, staged: StagedFile, size: u64) -> Result<(), StoreError> {
        let here = self.has(&id, size)?;
        let mut shard = self.shard(&id).lock().unwrap_or_else(PoisonError::into_inner);
        if here || shard.contains_key(&id) {
            drop(shard);
            return self.stage()?.remove(staged);
        }
        shard.insert(id, (staged, size));
        Ok(())
    }

    /// How many objects the batch adds to the store.
    pub fn new_objects(&self) -> usize {
        let count = |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.staged.iter().map(count).sum()
    }

    /// Makes the objects durable and part of the store, then what `register` writes to the index.
    ///
    /// When this returns `Ok`, all of it survives a crash. On an error nothing is registered; objects that
    /// were put in place already stay, whole, until they are collected.
    pub fn commit<R, E: From<StoreError>>(
        self,
        register: impl FnOnce(&mut IndexWriter<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.publish()?;
        self.store.update(register)
    }

    /// Makes the objects durable and part of the store, and writes nothing to the index.
    pub fn commit_objects(self) -> Result<(), StoreError> {
        self.publish()
    }

    fn publish(&self) -> Result<(), StoreError> {
        let mut staged = Vec::with_capacity(self.new_objects());
        for shard in &self.staged {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            staged.extend(shard.iter().map(|(id, (file, size))| (*file, *id, *size)));
        }
        let objects = &self.inner().objects;
        if !staged.is_empty() {
            let stage = self.stage()?;
            // In the order in which they were made, which is the order in which they lie on the disk.
            staged.sort_unstable_by_key(|(file, ..)| *file);
            self.inner().sync()?;
            for (file, id, size) in &staged {
                objects.publish(stage.dir().as_fd(), &file.name(), id, *size)?;
            }
        }
        if !staged.is_empty() || self.found.load(Ordering::Relaxed) {
            self.inner().sync()?;
        }
        Ok(())
    }
}

impl ObjectReader for Batch {
    fn open_blob(&self, id: &BlobId) -> Result<File, StoreError> {
        let Some((staged, _)) = self.staged(id) else { return self.store.open_blob(id) };
        let stage = self.stage()?;
        let file = fs::openat(stage.dir(), staged.name(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let file =
            file.map_err(|error| StoreError::io("open the temporary file", stage.path_of(staged), error))?;
        Ok(file.into())
    }

    fn read_blob(&self, id: &BlobId) -> Result<Vec<u8>, StoreError> {
        read_checked(self.open_blob(id)?, id, || self.blob_path(id))
    }

    fn blob_path(&self, id: &BlobId) -> PathBuf {
        match (self.staged(id), self.stage.get()) {
            (Some((staged, _)), Some(stage)) => stage.path_of(staged),
            _ => self.store.blob_path(id),
        }
    }

    fn blob_size(&self, id: &BlobId) -> Result<Option<u64>, StoreError> {
        match self.staged(id) {
            Some((_, size)) => Ok(Some(size)),
            None => self.store.blob_size(id),
        }
    }
}
