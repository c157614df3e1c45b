//! Compiled modules on disk, so that each is compiled once.
//!
//! An entry is one file, `<key>.cwasm`. Its key is BLAKE3 of the module's id, the tier and all that decides
//! whether the compiled code may be run here (see [`key`]); so another engine version, another configuration or
//! another CPU is another entry. The file ends in a hash of its content under that key (see [`entry`]), which
//! is checked before the code is run, once per process. A file that is damaged, cut, or another entry's, is
//! compiled anew and replaced.
//!
//! Files are written beside their place and renamed into it, so a reader sees a whole entry or none. Two
//! processes that want one module at once agree through a lock on `<key>.lock`: one compiles, the other waits and says so.

mod deserialize;
mod entry;
mod key;
mod lock;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
pub(crate) use deserialize::deserialize;

use crate::{
    engine::{Engine, Progress},
    error::{Error, ModuleError},
    module::{Module, ModuleId, Tier},
};

/// A directory of compiled modules. May be used from many threads and by many processes at once.
pub struct ModuleCache {
    dir: PathBuf,
    loaded: Mutex<HashMap<(ModuleId, Tier), Slot>>,
}

/// A module that this process has loaded, or is loading while the lock is held.
type Slot = Arc<Mutex<Option<Module>>>;

/// What gives the WebAssembly bytes of a module that must be compiled. Not called when the cache has it.
pub type Source<'a> = &'a dyn Fn() -> io::Result<Bytes>;

impl ModuleCache {
    /// A cache in `dir`, which is made if it is not there, readable by its owner alone.
    ///
    /// # Errors
    /// [`Error::Cache`] when the directory cannot be made.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let dir = dir.into();
        make_private(&dir).map_err(|source| Error::Cache { path: dir.clone(), source })?;
        Ok(Self { dir, loaded: Mutex::default() })
    }

    /// The module `id`, compiled at least as well as `tier`: from memory, from disk, or compiled now from what
    /// `source` gives. An optimised module that is there is preferred to a quick one.
    ///
    /// `progress` is called from this thread while it waits or compiles, a few times a second. When the result
    /// cannot be written, for instance because the disk is full, the module is usable all the same and the
    /// last progress is [`Progress::NotKept`].
    ///
    /// # Errors
    /// [`Error::Source`] when the bytes cannot be read, [`Error::Module`] when they are not those of `id`, not a
    /// module, or cannot be compiled.
    pub fn load(
        &self,
        engine: &Engine,
        id: ModuleId,
        source: Source<'_>,
        tier: Tier,
        progress: &dyn Fn(Progress),
    ) -> Result<Module, Error> {
        if tier == Tier::Quick
            && let Some(better) = self.load_cached(engine, id, Tier::Optimised)?
        {
            return Ok(better);
        }
        let slot = self.slot(id, tier);
        let mut loaded = lock_of(&slot);
        if let Some(module) = loaded.as_ref() {
            return Ok(module.clone());
        }
        let module = match self.read(engine, id, tier)? {
            Some(module) => module,
            None => self.compile(engine, id, source, tier, progress)?,
        };
        *loaded = Some(module.clone());
        Ok(module)
    }

    /// The module `id` at exactly this tier, if the cache has it whole. Compiles nothing.
    ///
    /// # Errors
    /// [`Error::Engine`] when the engine cannot be set up for this tier.
    pub fn load_cached(&self, engine: &Engine, id: ModuleId, tier: Tier) -> Result<Option<Module>, Error> {
        let slot = self.slot(id, tier);
        let mut loaded = lock_of(&slot);
        if loaded.is_none() {
            *loaded = self.read(engine, id, tier)?;
        }
        Ok(loaded.clone())
    }

    /// Compiles the module `id` with all optimisations, unless that has been done or another process is at it: for
    /// whoever does it beside the work that runs on quickly compiled code. The quick code, three times as large and
    /// of no more use, is removed. True if it was done here.
    ///
    /// # Errors
    /// As [`ModuleCache::load`].
    pub fn improve(&self, engine: &Engine, id: ModuleId, source: Source<'_>) -> Result<bool, Error> {
        let key = key::key(engine, id, Tier::Optimised)?;
        // Read, not merely looked for: a damaged entry is to be replaced.
        if self.read(engine, id, Tier::Optimised)?.is_some() {
            return Ok(false);
        }
        // Nobody is waited for: who has the lock does what is wanted here.
        let Ok(_locked) = lock::wait(&self.path(&key, "lock"), &mut |_| true) else { return Ok(false) };
        self.compile_locked(engine, id, source, Tier::Optimised, &|_| {})?;
        self.forget(engine, id, Tier::Quick)?;
        Ok(true)
    }

    /// Takes an entry away. Who runs its code goes on doing so. That it cannot be removed costs only space.
    fn forget(&self, engine: &Engine, id: ModuleId, tier: Tier) -> Result<(), Error> {
        let key = key::key(engine, id, tier)?;
        for extension in ["cwasm", "lock"] {
            let _ = fs_err::remove_file(self.path(&key, extension));
        }
        Ok(())
    }

    /// Whether there is a file for the module at this tier. It is not looked into.
    ///
    /// # Errors
    /// [`Error::Engine`] when the engine cannot be set up for this tier.
    pub fn contains(&self, engine: &Engine, id: ModuleId, tier: Tier) -> Result<bool, Error> {
        Ok(self.path(&key::key(engine, id, tier)?, "cwasm").exists())
    }

    fn slot(&self, id: ModuleId, tier: Tier) -> Slot {
        lock_of(&self.loaded).entry((id, tier)).or_default().clone()
    }

    fn path(&self, key: &[u8; 32], extension: &str) -> PathBuf {
        let name: String = key.iter().take(20).map(|byte| format!("{byte:02x}")).collect();
        self.dir.join(format!("{name}.{extension}"))
    }

    /// Reads an entry. Whatever is wrong with it, it counts as not there.
    fn read(&self, engine: &Engine, id: ModuleId, tier: Tier) -> Result<Option<Module>, Error> {
        let key = key::key(engine, id, tier)?;
        let module = entry::read(&self.path(&key, "cwasm"), &key, &engine.runtime(tier)?.engine);
        Ok(module.map(|module| Module::new(id, tier, module)))
    }

    fn compile(
        &self,
        engine: &Engine,
        id: ModuleId,
        source: Source<'_>,
        tier: Tier,
        progress: &dyn Fn(Progress),
    ) -> Result<Module, Error> {
        let key = key::key(engine, id, tier)?;
        let path = self.path(&key, "cwasm");
        // Without a lock (a read-only directory, say) two processes may compile the same; both are right.
        let lock_path = self.path(&key, "lock");
        let waited = lock::wait(&lock_path, &mut |seconds| {
            progress(Progress::Waiting { seconds });
            path.exists()
        });
        if waited.is_err() || waited.as_ref().is_ok_and(|locked| locked.waited) {
            // Somebody else may have finished it meanwhile.
            if let Some(module) = self.read(engine, id, tier)? {
                return Ok(module);
            }
        }
        self.compile_locked(engine, id, source, tier, progress)
    }

    /// Compiles and keeps, while nobody else does.
    fn compile_locked(
        &self,
        engine: &Engine,
        id: ModuleId,
        source: Source<'_>,
        tier: Tier,
        progress: &dyn Fn(Progress),
    ) -> Result<Module, Error> {
        let bytes = source().map_err(|source| Error::Source { id, source })?;
        let got = ModuleId::of(&bytes);
        if got != id {
            return Err(ModuleError::WrongContent { expected: id, got }.into());
        }
        let artefact = engine.artefact(&bytes, tier, progress)?;
        drop(bytes);
        progress(Progress::Writing);
        // What the quick compiler could not do was optimised, and is kept as that.
        let key = key::key(engine, id, artefact.tier)?;
        let kept = entry::write(&self.path(&key, "cwasm"), &key, &artefact.code).is_ok();
        if let (true, Some(module)) = (kept, self.read(engine, id, artefact.tier)?) {
            return Ok(module);
        }
        progress(Progress::NotKept);
        engine.module(id, &artefact)
    }
}

fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    if let Ok(found) = fs_err::metadata(dir)
        && found.is_dir()
    {
        // Whoever can write here decides what code is run.
        let ours = found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0;
        let reason =
            "others can write to it, so what is in it cannot be trusted (`chmod go-w`, or another directory)";
        return if ours { Ok(()) } else { Err(io::Error::new(io::ErrorKind::PermissionDenied, reason)) };
    }
    if let Some(parent) = dir.parent() {
        fs_err::create_dir_all(parent)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        // Another process was faster; it is looked at like any other.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => make_private(dir),
        result => result,
    }
}

#[cfg(not(unix))]
fn make_private(dir: &Path) -> io::Result<()> {
    fs_err::create_dir_all(dir)
}
