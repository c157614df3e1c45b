//! The open index, shared by all threads of the process, and when it is opened and closed.

use super::{
    damage::{Guard, IndexError},
    file_lock::LockFiles,
    opening::{AnyDatabase, Open, Opening},
    options::IndexOptions,
    transaction::{IndexReader, IndexWriter},
};
use crate::{
    error::StoreError,
    owner::Ownership,
    staging::Stage,
    watch::{FileChange, Watch},
};
use redb::{ReadTransaction, ReadableDatabase};
use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// The longest that a process keeps the index open while it has nothing to do with it right now.
const LONGEST_HOLD: Duration = Duration::from_millis(500);

/// How long a reader stands back for a writer of the same process.
const POLITENESS: Duration = Duration::from_millis(20);

/// The index of one store.
#[derive(Debug)]
pub(crate) struct Index {
    shared: Arc<Shared>,
    /// Writers of this process take turns here, so that the file is free between two of them.
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Shared {
    guard: Guard,
    locks: LockFiles,
    options: IndexOptions,
    /// The store is this process's alone: the file is opened for writing, once, and stays open.
    owned: bool,
    watch: Watch,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: Option<Open>,
    /// A thread is opening or closing the file.
    busy: bool,
    users: usize,
    /// Threads that wait until they can open the file for writing.
    writers: usize,
    /// Whether a thread is there that closes the file when it has not been used for a while.
    closer: bool,
}

/// The right to use the open index; the last one out closes it, at once or after a while.
#[derive(Debug)]
pub(crate) struct Lease {
    shared: Arc<Shared>,
    database: Option<Arc<AnyDatabase>>,
    /// Something went wrong in redb: the file is closed and opened again, which repairs it.
    spoiled: bool,
}

impl Index {
    /// The index of the store in `root`; made if there is none.
    pub(crate) fn open(
        root: &Path,
        options: IndexOptions,
        ownership: Ownership,
        watch: Watch,
    ) -> Result<Self, IndexError> {
        let path = root.join("index.redb");
        let shared = Shared {
            guard: Guard::new(&path),
            locks: LockFiles::new(root),
            options,
            owned: ownership == Ownership::Exclusive,
            watch,
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        let index = Self { shared: Arc::new(shared), turn: Mutex::default() };
        let exists = path.try_exists().map_err(|error| index.shared.guard.io("look for", error))?;
        if !exists {
            drop(index.lease(true)?);
        }
        Ok(index)
    }

    pub(crate) fn read(&self) -> Result<IndexReader, IndexError> {
        match self.read_now() {
            // An earlier nuka made the index. Any update adds the tables that came later.
            Err(IndexError::NoTable { .. }) => match self.update(|_| Ok::<_, StoreError>(())) {
                Ok(()) => self.read_now(),
                Err(StoreError::Index(error)) => Err(error),
                Err(other) => Err(self.shared.guard.damaged(other.to_string())),
            },
            result => result,
        }
    }

    fn read_now(&self) -> Result<IndexReader, IndexError> {
        let lease = self.lease(false)?;
        let guard = self.shared.guard.clone();
        let transaction = guard.run(|| lease.begin_read())?;
        IndexReader::new(transaction, lease, guard)
    }

    pub(crate) fn update<R, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut IndexWriter<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lease = self.lease(true).map_err(StoreError::Index)?;
        let guard = &self.shared.guard;
        let result = run_update(&lease, guard, change);
        // A full disk or damage may have left redb unable to go on; a refusal by `change` has not.
        if matches!(&result, Err(Failure::Index(_))) {
            lease.spoiled = true;
        }
        match result {
            Ok(value) => Ok(value),
            Err(Failure::Index(error)) => Err(StoreError::Index(error).into()),
            Err(Failure::Caller(error)) => Err(error),
        }
    }

    /// An index in a directory of its own, which nobody else uses: to be filled, closed, and moved.
    pub(crate) fn open_at(directory: &Path) -> Result<Self, IndexError> {
        Self::open(directory, IndexOptions::default(), Ownership::Exclusive, Watch::default())
    }

    /// Puts another index in this one's place, in one rename; the old file is kept in `damaged/`. `make` makes it, in
    /// the directory that it returns, while nobody uses the index, in this process or another.
    pub(crate) fn replace<R>(
        &self,
        make: impl FnOnce() -> Result<(R, Stage), StoreError>,
    ) -> Result<R, StoreError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.begin_alone()?;
        let _alone = Alone(&self.shared);
        let guard = &self.shared.guard;
        let _lock = self.shared.locks.take(true, self.shared.options.wait, guard.path())?;
        let (value, stage) = make()?;
        let (path, watch) = (guard.path(), &self.shared.watch);
        let parent = path.parent().unwrap_or(path);
        let damaged = parent.join("damaged");
        // A file that cannot be kept is no reason to go without an index.
        let kept = fs_err::create_dir_all(&damaged);
        let _ = kept.and_then(|()| {
            let old = damaged.join("index.redb");
            let _ = fs_err::remove_file(&old);
            watch.ask(FileChange::Link(path, &old))?;
            fs_err::hard_link(path, old)
        });
        let made = stage.path().join("index.redb");
        let replaced = watch
            .ask(FileChange::WrittenDurably(&made))
            .and_then(|()| watch.ask(FileChange::Rename(&made, path)))
            .and_then(|()| fs_err::rename(&made, path));
        replaced.map_err(|error| guard.io("replace", error))?;
        let directory = fs_err::File::open(parent).map_err(|error| guard.io("replace", error))?;
        let asked = watch.ask(FileChange::SyncAll);
        asked.and_then(|()| directory.sync_all()).map_err(|error| guard.io("replace", error))?;
        guard.take_spoiled();
        Ok(value)
    }

    /// Closes the file now if nobody uses it.
    pub(crate) fn release(&self) {
        if !self.shared.owned {
            self.close();
        }
    }

    /// Closes the file now if nobody uses it, also an owner's.
    pub(crate) fn close(&self) {
        let state = self.shared.lock();
        self.shared.close_if(state, |_| true);
    }

    fn lease(&self, write: bool) -> Result<Lease, IndexError> {
        let database = self.shared.acquire(write || self.shared.owned)?;
        Ok(Lease { shared: Arc::clone(&self.shared), database: Some(database), spoiled: false })
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.close();
    }
}

/// While it lives, no thread of this process uses the index.
struct Alone<'s>(&'s Shared);

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.lock().busy = false;
        self.0.changed.notify_all();
    }
}

enum Failure<E> {
    Index(IndexError),
    Caller(E),
}

fn run_update<R, E>(
    lease: &Lease,
    guard: &Guard,
    change: impl FnOnce(&mut IndexWriter<'_>) -> Result<R, E>,
) -> Result<R, Failure<E>> {
    let Some(AnyDatabase::Write(database)) = lease.database.as_deref() else {
        return Err(Failure::Index(guard.damaged("it is open for reading alone")));
    };
    let transaction = guard.run(|| database.begin_write()).map_err(Failure::Index)?;
    let result = match IndexWriter::new(&transaction, guard.clone()) {
        Ok(mut writer) => {
            let result = change(&mut writer).map_err(Failure::Caller);
            let result = result.and_then(|value| match writer.count() {
                Ok(()) => Ok(value),
                Err(error) => Err(Failure::Index(error)),
            });
            guard.catch(|| drop(writer)).map_err(Failure::Index).and(result)
        }
        Err(error) => Err(Failure::Index(error)),
    };
    match result {
        Ok(value) => guard.run(|| transaction.commit()).map(|()| value).map_err(Failure::Index),
        Err(failure) => {
            // Nothing is written; a fault here is found by the next one who opens the file.
            let _ = guard.catch(|| drop(transaction));
            Err(failure)
        }
    }
}

impl Lease {
    fn begin_read(&self) -> Result<ReadTransaction, redb::TransactionError> {
        match self.database.as_deref() {
            Some(AnyDatabase::Write(database)) => database.begin_read(),
            Some(AnyDatabase::Read(database)) => database.begin_read(),
            None => Err(redb::TransactionError::Storage(redb::StorageError::DatabaseClosed)),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.database = None;
        self.shared.give_back(self.spoiled);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs while the lock is held with the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file unless it is open in a way that serves, and counts one user more.
    fn acquire(&self, write: bool) -> Result<Arc<AnyDatabase>, IndexError> {
        let started = Instant::now();
        let mut state = self.lock();
        loop {
            let serves = state.open.as_ref().is_some_and(|open| {
                let writable = matches!(*open.database, AnyDatabase::Write(_));
                // New readers let a writer in first; not for long, since one who waits here may be the one
                // for whom the writer waits.
                let polite = !writable && state.writers > 0 && started.elapsed() < POLITENESS;
                !open.spoiled && (writable || (!write && !polite))
            });
            if serves && !state.busy {
                state.users += 1;
                if let Some(open) = &mut state.open {
                    open.used = Instant::now();
                    return Ok(Arc::clone(&open.database));
                }
            }
            if !state.busy && (state.open.is_none() || state.users == 0) {
                break;
            }
            let left = self.options.wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                let held_by = Some(std::process::id());
                let path = self.guard.path().to_path_buf();
                return Err(IndexError::Busy { path, held_by, waited: started.elapsed() });
            }
            state.writers += usize::from(write);
            let longest = if write { left } else { left.min(POLITENESS) };
            state = self.changed.wait_timeout(state, longest).unwrap_or_else(PoisonError::into_inner).0;
            state.writers -= usize::from(write);
        }
        state.busy = true;
        let old = state.open.take();
        drop(state);
        let _ = self.guard.catch(|| drop(old));
        let opened = self.open_file(write, self.options.wait.saturating_sub(started.elapsed()));
        let mut state = self.lock();
        state.busy = false;
        let result = opened.map(|open| {
            let database = Arc::clone(&open.database);
            state.open = Some(open);
            state.users += 1;
            database
        });
        drop(state);
        self.changed.notify_all();
        result
    }

    /// Waits until no thread uses the index, closes it, and keeps it so.
    fn begin_alone(&self) -> Result<(), IndexError> {
        let started = Instant::now();
        let mut state = self.lock();
        while state.busy || state.users > 0 {
            let left = self.options.wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                let path = self.guard.path().to_path_buf();
                return Err(IndexError::Busy {
                    path,
                    held_by: Some(std::process::id()),
                    waited: started.elapsed(),
                });
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.busy = true;
        let old = state.open.take();
        drop(state);
        let _ = self.guard.catch(|| drop(old));
        Ok(())
    }

    fn open_file(&self, write: bool, wait: Duration) -> Result<Open, IndexError> {
        let Self { guard, locks, options, watch, .. } = self;
        Opening { guard, locks, options, watch }.open(write, wait)
    }

    fn give_back(self: &Arc<Self>, spoiled: bool) {
        let spoiled = spoiled || self.guard.take_spoiled();
        let mut state = self.lock();
        state.users = state.users.saturating_sub(1);
        if let Some(open) = &mut state.open {
            open.used = Instant::now();
            open.spoiled |= spoiled;
        }
        let linger = if self.owned { Duration::MAX } else { self.options.linger };
        let keep = !spoiled
            && !linger.is_zero()
            && state.open.as_ref().is_some_and(|open| {
                matches!(*open.database, AnyDatabase::Write(_))
                    && (linger == Duration::MAX || open.since.elapsed() < LONGEST_HOLD)
            });
        if !keep {
            self.close_if(state, |_| true);
            return;
        }
        if linger != Duration::MAX && !state.closer {
            state.closer = self.start_closer();
            if !state.closer {
                self.close_if(state, |_| true);
                return;
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Closes the file if nobody uses it and `wanted` says so.
    fn close_if<'s>(&'s self, mut state: MutexGuard<'s, State>, wanted: impl FnOnce(&Open) -> bool) {
        let close = state.users == 0 && !state.busy && state.open.as_ref().is_some_and(wanted);
        if close {
            state.busy = true;
            let open = state.open.take();
            drop(state);
            // A damaged file may panic once more; whoever needs it next meets the damage and says so.
            let _ = self.guard.catch(|| drop(open));
            state = self.lock();
            state.busy = false;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Starts the thread that closes the file when it is idle. Says whether it could.
    fn start_closer(self: &Arc<Self>) -> bool {
        let (linger, shared) = (self.options.linger, Arc::downgrade(self));
        let step = (linger / 2).max(Duration::from_millis(1));
        std::thread::Builder::new()
            .name("nuka-index".into())
            .spawn(move || {
                loop {
                    std::thread::sleep(step);
                    if !tend(&shared, linger) {
                        return;
                    }
                }
            })
            .is_ok()
    }
}

/// Closes the file if it is time. Says whether there will be more to do.
fn tend(shared: &Weak<Shared>, linger: Duration) -> bool {
    let Some(shared) = shared.upgrade() else { return false };
    let now = Instant::now();
    let state = shared.lock();
    shared.close_if(state, |open| {
        now.duration_since(open.used) >= linger || now.duration_since(open.since) >= LONGEST_HOLD
    });
    let mut state = shared.lock();
    state.closer = state.open.is_some() || state.busy;
    state.closer
}
