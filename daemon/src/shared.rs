//! What all who use nuka in one process share: the store, the engine, compiled programs, and the work that is going on.

use crate::{
    background::Background, build::Pace, config::Config, error::Error, in_flight::InFlight, leftovers,
    worker::Builds,
};
use nuka_pir::{Cid, SourceId};
use nuka_seed_runtime::{Engine, ModuleCache};
use nuka_store::{Objects, Store, StoreOptions};
use nuka_vfs::source::StoreSource;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::{
    collections::HashMap,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

pub use nuka_store::Ownership;

/// Everything is opened when it is first needed.
pub struct Shared {
    config: Config,
    ownership: Ownership,
    store: OnceLock<Store>,
    objects: OnceLock<Objects>,
    names: OnceLock<StoreSource>,
    engine: OnceLock<Engine>,
    modules: OnceLock<ModuleCache>,
    pools: Mutex<HashMap<NonZeroUsize, Arc<ThreadPool>>>,
    pace: OnceLock<Pace>,
    pub(crate) background: Option<Background>,
    /// Builds that are going on.
    pub(crate) builds: Builds,
    /// Fetches that are going on.
    pub(crate) fetches: InFlight<SourceId, Result<Cid, Arc<Error>>>,
}

impl Shared {
    /// Opens nothing yet.
    pub fn new(config: &Config, ownership: Ownership) -> Self {
        let background = config
            .executable
            .clone()
            .map(|executable| Background::new(executable, config.cache.clone(), config.background));
        Self {
            config: config.clone(),
            ownership,
            background,
            store: OnceLock::new(),
            objects: OnceLock::new(),
            names: OnceLock::new(),
            engine: OnceLock::new(),
            modules: OnceLock::new(),
            pools: Mutex::default(),
            pace: OnceLock::new(),
            builds: InFlight::default(),
            fetches: InFlight::default(),
        }
    }

    /// Where it is.
    pub fn store_path(&self) -> &PathBuf {
        &self.config.store
    }

    /// The store.
    pub fn store(&self) -> Result<&Store, Error> {
        once(&self.store, || {
            let options = StoreOptions { owner: self.ownership, ..StoreOptions::default() };
            let store = Store::open(&self.config.store, &options)?;
            leftovers::remove(&self.config, &store);
            Ok(store)
        })
    }

    /// The store's objects, for which the store need not be opened.
    pub fn objects(&self) -> Result<&Objects, Error> {
        once(&self.objects, || match Objects::open(&self.config.store) {
            Ok(objects) => Ok(objects),
            // There is no store yet.
            Err(_) => {
                self.store()?;
                Ok(Objects::open(&self.config.store)?)
            }
        })
    }

    /// What a mount of the store shows.
    pub fn names(&self) -> Result<&StoreSource, Error> {
        once(&self.names, || Ok(StoreSource::new(self.store()?.clone())))
    }

    /// Runs compiled programs.
    pub fn engine(&self) -> Result<&Engine, Error> {
        once(&self.engine, || Ok(Engine::new()?))
    }

    /// Compiled programs.
    pub fn modules(&self) -> Result<&ModuleCache, Error> {
        once(&self.modules, || Ok(ModuleCache::open(self.config.modules())?))
    }

    /// The threads on which programs run, `jobs` of them: the same for all who want as many, so that together they run no
    /// more than that.
    pub fn pool(&self, jobs: NonZeroUsize) -> Result<Arc<ThreadPool>, Error> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&jobs) {
            return Ok(Arc::clone(pool));
        }
        let pool = ThreadPoolBuilder::new().num_threads(jobs.get()).build();
        let pool = Arc::new(pool.map_err(|error| Error::Threads(error.to_string()))?);
        pools.insert(jobs, Arc::clone(&pool));
        Ok(pool)
    }

    /// How often finished steps of builds are recorded.
    pub(crate) fn pace(&self) -> Pace {
        self.pace.get().copied().unwrap_or_default()
    }

    /// From now on each step is recorded as soon as it is done.
    pub(crate) fn record_each_step(&self) {
        let _ = self.pace.set(Pace::EACH);
    }

    /// Stops what nobody waits for any more. Called when somebody has gone away.
    pub fn review(&self) {
        self.builds.review();
        self.fetches.review();
    }
}

/// Fills a cell once; if two threads are at it, the first one's value stays.
pub fn once<T, E>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
