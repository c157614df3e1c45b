//! Opening the index's file, under its lock, and making it where there is none.

use super::{
    access::TABLES,
    damage::{Guard, IndexError},
    file_lock::{FileLock, LockFiles},
    options::IndexOptions,
};
use crate::watch::{Watch, WatchedIndex};
use redb::{Builder, Database, ReadOnlyDatabase};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The open file.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) database: Arc<AnyDatabase>,
    pub(super) since: Instant,
    pub(super) used: Instant,
    /// redb met damage through it: nobody begins to use it any more.
    pub(super) spoiled: bool,
    // After the database: fields are dropped in order.
    _lock: FileLock,
}

pub(super) enum AnyDatabase {
    Write(Database),
    Read(ReadOnlyDatabase),
}

impl std::fmt::Debug for AnyDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Write(_)) { "Write" } else { "Read" })
    }
}

/// What opening takes.
#[derive(Debug)]
pub(super) struct Opening<'i> {
    pub(super) guard: &'i Guard,
    pub(super) locks: &'i LockFiles,
    pub(super) options: &'i IndexOptions,
    pub(super) watch: &'i Watch,
}

impl Opening<'_> {
    /// Opens it, for reading alone if that serves.
    pub(super) fn open(&self, write: bool, wait: Duration) -> Result<Open, IndexError> {
        if !write {
            let lock = self.locks.take(false, wait, self.guard.path())?;
            let opened = self.guard.catch(|| self.builder().open_read_only(self.guard.path()))?;
            match opened {
                Ok(database) => return Ok(Open::new(AnyDatabase::Read(database), lock)),
                // It was not closed: opening it for writing repairs it. Or it is not there yet.
                Err(redb::DatabaseError::RepairAborted) => {}
                Err(redb::DatabaseError::Storage(redb::StorageError::Io(error)))
                    if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return self.guard.run(|| Err(error)),
            }
        }
        let lock = self.locks.take(true, wait, self.guard.path())?;
        self.create_if_missing()?;
        let database = if self.watch.0.is_some() {
            let file = fs_err::OpenOptions::new().read(true).write(true).open(self.guard.path());
            let file = file.map_err(|error| self.guard.io("open", error))?.into_file();
            let backend = WatchedIndex { file, watch: self.watch.clone() };
            self.guard.run(|| self.builder().create_with_backend(backend))?
        } else {
            self.guard.run(|| self.builder().open(self.guard.path()))?
        };
        Ok(Open::new(AnyDatabase::Write(database), lock))
    }

    /// Makes an empty index under another name and then gives it its own, so that no half one is ever seen.
    fn create_if_missing(&self) -> Result<(), IndexError> {
        let path = self.guard.path();
        if path.try_exists().map_err(|error| self.guard.io("look for", error))? {
            return Ok(());
        }
        let new = path.with_extension("new");
        match fs_err::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(self.guard.io("make", error));
            }
            _ => {}
        }
        let database = self.guard.run(|| self.builder().create(&new))?;
        self.guard.run(|| {
            let transaction = database.begin_write()?;
            for table in TABLES {
                transaction.open_table(*table)?;
            }
            transaction.commit()?;
            Ok::<_, redb::Error>(())
        })?;
        self.guard.catch(|| drop(database))?;
        fs_err::rename(&new, path).map_err(|error| self.guard.io("make", error))?;
        let parent = path.parent().unwrap_or(path);
        let directory = fs_err::File::open(parent).map_err(|error| self.guard.io("make", error))?;
        directory.sync_all().map_err(|error| self.guard.io("make", error))
    }

    fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(self.options.cache_bytes);
        builder
    }
}

impl Open {
    fn new(database: AnyDatabase, lock: FileLock) -> Self {
        let now = Instant::now();
        Self { database: Arc::new(database), since: now, used: now, spoiled: false, _lock: lock }
    }
}
