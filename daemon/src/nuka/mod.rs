//! The requests that nuka answers. Everything is opened when it is first needed: a question that an index can
//! answer starts no wasm engine and no network client.

mod build;
mod doctor;
mod inspect;
mod mount;
mod recipes;
mod run;
mod store;

pub use mount::MountRequest;
pub use recipes::FileHashes;
pub use run::Prepared;
pub use store::StorePath;

use crate::{
    background::Background,
    build::CachedModules,
    config::Config,
    error::Error,
    event::Observer,
    fetch::{FetchConfig, Fetcher},
    leftovers,
    published::{self, Published},
    recipes::RecipeRoots,
};
use nuka_seed_runtime::{Engine, ModuleCache};
use nuka_store::{Store, StoreOptions};
use std::sync::OnceLock;

/// All of nuka, in this process.
pub struct Nuka {
    config: Config,
    roots: RecipeRoots,
    store: OnceLock<Store>,
    engine: OnceLock<Engine>,
    modules: OnceLock<ModuleCache>,
    background: Option<Background>,
    fetcher: OnceLock<Fetcher>,
}

impl Nuka {
    /// Opens nothing yet.
    pub fn new(config: Config) -> Self {
        let roots = RecipeRoots::new(config.recipe_directories.clone());
        let background =
            config.executable.clone().map(|executable| Background::new(executable, config.cache.clone()));
        Self {
            config,
            background,
            roots,
            store: OnceLock::new(),
            engine: OnceLock::new(),
            modules: OnceLock::new(),
            fetcher: OnceLock::new(),
        }
    }

    /// Where and how it works.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn store(&self) -> Result<&Store, Error> {
        once(&self.store, || {
            let store = Store::open(&self.config.store, &StoreOptions::default())?;
            leftovers::remove(&self.config, &store);
            Ok(store)
        })
    }

    fn engine(&self) -> Result<&Engine, Error> {
        once(&self.engine, || Ok(Engine::new()?))
    }

    fn modules(&self) -> Result<&ModuleCache, Error> {
        once(&self.modules, || Ok(ModuleCache::open(self.config.modules())?))
    }

    /// Gives compiled programs; the observer is told when one is compiled.
    fn programs<'a>(&'a self, observer: &'a dyn Observer) -> Result<CachedModules<'a>, Error> {
        let (engine, cache, store) = (self.engine()?, self.modules()?, self.store()?);
        Ok(CachedModules { engine, cache, background: self.background.as_ref(), store, observer })
    }

    fn fetcher(&self) -> Result<&Fetcher, Error> {
        once(&self.fetcher, || {
            let mut config = FetchConfig::new(
                self.config.env.clone(),
                &self.config.home,
                &self.config.current_directory,
                self.config.downloads(),
            );
            config.offline = self.config.offline;
            Ok(Fetcher::new(config)?)
        })
    }

    fn published(&self) -> Result<Published, Error> {
        let text = self
            .roots
            .find(published::FILE)
            .map_err(|source| Error::RecipeFile { path: published::FILE.into(), source })?;
        let Some((_, bytes)) = text else { return Ok(Published::new()) };
        published::parse(&String::from_utf8_lossy(&bytes)).map_err(|source| Error::Published { source })
    }
}

/// Fills a cell once; if two threads are at it, the first one's value stays.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T, Error>) -> Result<&T, Error> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
