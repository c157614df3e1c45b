//! The requests that nuka answers. Everything is opened when it is first needed: a question that an index can
//! answer starts no wasm engine and no network client.

mod bootstrap;
mod bootstrap_c;
mod build;
mod cache;
mod care;
mod doctor;
mod exchange;
mod explain;
mod fetch;
mod inspect;
mod mount;
mod names;
mod native_run;
mod profile;
mod recipes;
mod run;
mod store;
mod view;

pub use mount::MountRequest;
pub use recipes::FileHashes;
pub use run::Prepared;
pub use view::{ComposedView, PreparedView};

use crate::{
    build::CachedModules,
    config::Config,
    error::Error,
    event::Observer,
    fetch::{FetchConfig, Fetcher},
    handed::Handed,
    published::{self, Published},
    recipes::RecipeRoots,
    shared::{Ownership, Shared, once},
};
use nuka_pir::Pid;
use nuka_seed_runtime::{Engine, ModuleCache};
use nuka_store::{Cancel, Lease, Objects, RootTarget, Store};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Set when nobody watches any more.
pub(crate) fn cancel(observer: &dyn Observer) -> Cancel {
    observer.gone().map_or_else(Cancel::default, Cancel::when)
}

/// All of nuka, as one person uses it: where things are for them, and what they share with others.
pub struct Nuka {
    config: Config,
    roots: RecipeRoots,
    shared: Arc<Shared>,
    /// What stays in the store for as long as this person is here.
    held: Arc<Mutex<Option<Arc<Lease>>>>,
    fetcher: OnceLock<Fetcher>,
}

impl Nuka {
    /// Nuka for one person in a process of their own. Opens nothing yet.
    pub fn new(config: Config) -> Self {
        let shared = Arc::new(Shared::new(&config, Ownership::Shared));
        let roots = RecipeRoots::new(config.recipe_directories.clone());
        Self::with(config, roots, shared)
    }

    /// The same with each step of a build recorded as soon as it is done, however soon that is: for trying out builds that
    /// are cut.
    #[must_use]
    pub fn recording_each_step(self) -> Self {
        self.shared.record_each_step();
        self
    }

    /// Nuka for somebody among others.
    pub(crate) fn with(config: Config, roots: RecipeRoots, shared: Arc<Shared>) -> Self {
        Self { config, roots, shared, held: Arc::default(), fetcher: OnceLock::new() }
    }

    /// The same with more directories that were handed over.
    pub(crate) fn with_places(&self, places: Vec<Handed>) -> Self {
        let (config, roots) = (self.config.clone(), self.roots.with_places(places));
        let held = Arc::clone(&self.held);
        Self { held, ..Self::with(config, roots, Arc::clone(&self.shared)) }
    }

    /// Keeps something in the store for as long as this person is here.
    fn hold(&self, items: &[RootTarget]) -> Result<Arc<Lease>, Error> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_ref() {
            Some(lease) => lease.extend(items)?,
            None => *held = Some(Arc::new(self.store()?.lease(items)?)),
        }
        held.clone().ok_or(Error::Cancelled)
    }

    /// Packages that were just built, held: `None` if a collection was faster.
    fn hold_packages(&self, pids: &[Pid]) -> Result<Option<Arc<Lease>>, Error> {
        let lease = self.hold(&pids.iter().map(|pid| RootTarget::Package(*pid)).collect::<Vec<_>>())?;
        let index = self.store()?.read()?;
        for pid in pids {
            if index.realisation(pid)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(lease))
    }

    /// Where and how it works.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn store(&self) -> Result<&Store, Error> {
        self.shared.store()
    }

    /// The store, for work that ends when nobody is there any more for whom it is done.
    fn store_for(&self, observer: &dyn Observer) -> Result<Store, Error> {
        Ok(self.store()?.until(cancel(observer)))
    }

    /// The store's objects, for which nobody has to be asked.
    pub fn objects(&self) -> Result<&Objects, Error> {
        self.shared.objects()
    }

    fn engine(&self) -> Result<&Engine, Error> {
        self.shared.engine()
    }

    fn modules(&self) -> Result<&ModuleCache, Error> {
        self.shared.modules()
    }

    /// Gives compiled programs.
    fn programs(&self) -> Result<CachedModules<'_>, Error> {
        let Shared { background, .. } = &*self.shared;
        let (engine, cache, objects) = (self.engine()?, self.modules()?, self.shared.objects()?);
        Ok(CachedModules { engine, cache, background: background.as_ref(), objects })
    }

    /// Fetches for as long as somebody is there for whom it is done.
    fn fetcher_for(&self, observer: &dyn Observer) -> Result<Fetcher, Error> {
        Ok(self.fetcher()?.until(cancel(observer)))
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
