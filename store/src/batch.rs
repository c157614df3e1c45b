//! A batch: objects that become part of the store together, and only when they are durable.
//!
//! 1. Objects are hashed and written to temporary files, by as many threads as like.
//! 2. [`Batch::commit`] makes these durable with one `syncfs`,
//! 3. gives them their names among the objects, and makes the names durable with another one;
//! 4. then commits to the index what the caller has to say about them.
//!
//! What a batch finds in the store, and so does not write, is as good as written: from its first find to its end a
//! batch keeps the lock of [`gc`](crate::gc) that says so, and what was moved aside meanwhile is brought back in step 3.
//! That holds for what was found by its bytes, and for what was read through the batch, with all that is in it if it is
//! a directory. A tree that is known by its id alone is kept by a lease, or a root, or what the index has of it.
//!
//! So whatever has a name among the objects is whole and durable, also after a power cut in between, and
//! whatever the index names is there. A batch that is dropped, or whose process dies, leaves nothing.

use crate::{
    buffer::Pool,
    directory::{Directory, MAX_DIRECTORY_OBJECT, Tree},
    error::StoreError,
    gc::trash::Trash,
    id_hash::IdState,
    index::{IndexWriter, Realisation, SourceRecord, Used},
    lock_file::LockFile,
    objects::read_checked,
    reader::ObjectReader,
    record::{PackageRecord, Record},
    staging::{Stage, StagedFile},
    store::{Inner, Store},
    watch::FileChange,
    writer::BlobWriter,
};
use nuka_pir::{BlobId, Pid, Pir, SourceId};
use rustix::{
    fd::AsFd,
    fs::{self, Mode, OFlags},
    io::Errno,
};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
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
    /// What was found in the store: perhaps put there by a process that has not synced it yet.
    found: [Mutex<Vec<BlobId>>; SHARDS],
    /// Held from the first find on: nothing that was found goes for good.
    finding: OnceLock<LockFile>,
    /// Records that the commit registers.
    records: Mutex<Vec<(Used, BlobId)>>,
    buffers: Arc<Pool>,
}

type Shard = HashMap<BlobId, (StagedFile, u64), IdState>;

impl Batch {
    pub(crate) fn new(store: Store, buffers: Arc<Pool>) -> Self {
        Self {
            store,
            stage: OnceLock::new(),
            starting: Mutex::new(()),
            staged: Default::default(),
            found: Default::default(),
            finding: OnceLock::new(),
            records: Mutex::default(),
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
        self.begin_finding()?;
        let here = self.inner().objects.size(id)? == Some(size);
        if here {
            self.keep_found(id);
        }
        Ok(here)
    }

    /// From now on nothing of the store goes for good.
    fn begin_finding(&self) -> Result<(), StoreError> {
        if self.finding.get().is_some() {
            return Ok(());
        }
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.finding.get().is_none() {
            let lock = self.inner().gc.finds()?;
            self.finding.get_or_init(|| lock);
        }
        Ok(())
    }

    /// Remembers that the store has the blob.
    fn keep_found(&self, id: &BlobId) {
        let [first, ..] = id.as_bytes();
        if let Some(found) = self.found.get(usize::from(*first) % SHARDS) {
            found.lock().unwrap_or_else(PoisonError::into_inner).push(*id);
        }
    }

    fn found_anything(&self) -> bool {
        self.found.iter().any(|found| !found.lock().unwrap_or_else(PoisonError::into_inner).is_empty())
    }

    /// Brings back what was found and then moved aside by a collection, with all that is in it. No slice of a
    /// collection may run meanwhile.
    fn restore(&self) -> Result<(), StoreError> {
        let Some(trash) = Trash::open(self.store.root())? else { return Ok(()) };
        let objects = &self.inner().objects;
        let mut todo: Vec<BlobId> = Vec::new();
        for found in &self.found {
            todo.append(&mut found.lock().unwrap_or_else(PoisonError::into_inner).clone());
        }
        let mut seen = HashSet::with_capacity_and_hasher(todo.len(), IdState::default());
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            if objects.size(&id)?.is_none() {
                trash.restore(objects, &id)?;
            }
            todo.extend(objects.entries_if_directory(&id)?);
        }
        Ok(())
    }

    /// Adds bytes. Nothing is written if the store or the batch has them.
    pub fn add_blob(&self, bytes: &[u8]) -> Result<BlobId, StoreError> {
        let id = BlobId::of(bytes);
        self.add_hashed(id, bytes)?;
        Ok(id)
    }

    fn add_hashed(&self, id: BlobId, bytes: &[u8]) -> Result<(), StoreError> {
        self.store.cancel().check()?;
        if self.has(&id, bytes.len() as u64)? {
            return Ok(());
        }
        let stage = self.stage()?;
        let (staged, fd, _) = stage.create(false)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let part = self.inner().objects.watch().part(|| stage.path_of(staged), rest);
            match part.and_then(|part| Ok(rustix::io::write(&fd, part)?)) {
                Ok(0) => return Err(Self::unwritten(stage, staged, Errno::NOSPC.into())),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Self::unwritten(stage, staged, error)),
            }
        }
        drop(fd);
        self.keep(id, staged, bytes.len() as u64)
    }

    /// Removes a temporary file that could not be written.
    fn unwritten(stage: &Stage, staged: StagedFile, error: io::Error) -> StoreError {
        let _ = stage.remove(staged);
        StoreError::io("write the temporary file", stage.path_of(staged), error)
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

    /// Adds the [`Record`] of a package that is registered in this batch's commit, so that it is known again after the
    /// index was lost. `false`, and nothing is added, if the index does not have its PIR.
    pub fn add_package_record(&self, pid: &Pid, realisation: &Realisation) -> Result<bool, StoreError> {
        let index = self.store.read()?;
        let (pir, meta) = (index.pir(pid)?, index.meta(pid)?);
        drop(index);
        let Some(pir) = pir.and_then(|text| String::from_utf8(text).ok()) else { return Ok(false) };
        if Pir::pid_of_text(&pir) != *pid {
            return Ok(false);
        }
        let record = PackageRecord { pid: *pid, realisation: realisation.clone(), pir, meta };
        self.add_record(Used::Package(*pid), &Record::Package(record))?;
        Ok(true)
    }

    /// Adds the [`Record`] of a source that is registered in this batch's commit.
    pub fn add_source_record(&self, id: &SourceId, source: &SourceRecord) -> Result<(), StoreError> {
        self.add_record(Used::Source(*id), &Record::Source { id: *id, source: source.clone() })
    }

    pub(crate) fn add_record(&self, of: Used, record: &Record) -> Result<(), StoreError> {
        let blob = self.add_blob(&record.encode())?;
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push((of, blob));
        Ok(())
    }

    /// Takes a whole temporary file as the blob `id`.
    pub(crate) fn keep(&self, id: BlobId, staged: StagedFile, size: u64) -> Result<(), StoreError> {
        let stage = self.stage()?;
        let asked =
            self.inner().objects.watch().ask_path(|| stage.path_of(staged), |path| FileChange::Written(path));
        if let Err(error) = asked {
            let _ = stage.remove(staged);
            return Err(StoreError::io("write the temporary file", stage.path_of(staged), error));
        }
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
        let _committing = self.publish()?;
        self.store.update(|index| {
            let value = register(index)?;
            for (of, record) in self.records.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                index.put_record(of, record).map_err(StoreError::Index)?;
            }
            Ok(value)
        })
    }

    /// Makes the objects durable and part of the store, and writes nothing to the index.
    pub fn commit_objects(self) -> Result<(), StoreError> {
        self.publish().map(|_| ())
    }

    /// Puts the objects in place. While the lock that is returned lives, no slice of a collection runs.
    fn publish(&self) -> Result<LockFile, StoreError> {
        self.store.cancel().check()?;
        let mut staged = Vec::with_capacity(self.new_objects());
        for shard in &self.staged {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            staged.extend(shard.iter().map(|(id, (file, size))| (*file, *id, *size)));
        }
        let objects = &self.inner().objects;
        if !staged.is_empty() {
            self.inner().sync()?;
        }
        let committing = self.inner().gc.commit()?;
        let found = self.found_anything();
        if found {
            self.restore()?;
        }
        if !staged.is_empty() {
            let stage = self.stage()?;
            // In the order in which they were made, which is the order in which they lie on the disk.
            staged.sort_unstable_by_key(|(file, ..)| *file);
            for (file, id, size) in &staged {
                objects.publish(stage.dir().as_fd(), &file.name(), || stage.path_of(*file), id, *size)?;
            }
        }
        if !staged.is_empty() || found {
            self.inner().sync()?;
        }
        Ok(committing)
    }
}

impl ObjectReader for Batch {
    fn open_blob(&self, id: &BlobId) -> Result<File, StoreError> {
        let Some((staged, _)) = self.staged(id) else {
            self.begin_finding()?;
            let file = match self.inner().objects.open_object(id)? {
                Some(file) => Some(file),
                // A collection may have moved it aside since the batch found it.
                None => match Trash::open(self.store.root())? {
                    Some(trash) => trash.open_object(id)?,
                    None => None,
                },
            };
            self.keep_found(id);
            return file.ok_or(StoreError::NoObject { id: *id });
        };
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
            None => {
                self.begin_finding()?;
                let size = match self.store.blob_size(id)? {
                    Some(size) => Some(size),
                    None => match Trash::open(self.store.root())? {
                        Some(trash) => trash.size(id)?,
                        None => None,
                    },
                };
                if size.is_some() {
                    self.keep_found(id);
                }
                Ok(size)
            }
        }
    }
}
