//! The engine: compiles modules and runs processes. One engine serves a whole program; all its methods may be
//! called from many threads at once.
//!
//! Inside there is one runtime a tier, because code that two compilers made cannot be run by one
//! configuration. Each is set up when it is first needed.

mod compile;
mod config;
mod jumps;
mod run;
mod watchdog;

use std::sync::{Arc, OnceLock};

pub(crate) use compile::Artefact;
pub(crate) use config::THREAD_STACK;
pub(crate) use run::backtrace;
#[cfg(feature = "second-engine")]
pub(crate) use run::{ordered, outcome, state};
pub(crate) use watchdog::Running;
use watchdog::Watchdog;

use crate::{
    error::{Error, ModuleError},
    host::{self, State},
    module::{Module, ModuleId, Tier},
};

/// See the module's text. Cloning is cheap and shares the engine.
#[derive(Clone, Default)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    quick: OnceLock<Runtime>,
    optimised: OnceLock<Runtime>,
}

/// What runs the modules of one tier.
pub(crate) struct Runtime {
    pub(crate) engine: wasmtime::Engine,
    linker: wasmtime::Linker<State>,
    watchdog: Watchdog,
    /// Hash of all that decides whether compiled code may be run here.
    compatibility: [u8; 32],
}

/// How far a compilation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Another process compiles this very module; its result is being waited for.
    Waiting {
        /// Seconds waited so far.
        seconds: u64,
    },
    /// Functions are being compiled. Counted, not estimated, except that the quick compiler cannot count:
    /// then `done` stays 0.
    Compiling {
        /// Functions that are done.
        done: u64,
        /// All functions of the module.
        total: u64,
        /// How it is compiled.
        tier: Tier,
    },
    /// All functions are compiled; the result is put together and written.
    Writing,
    /// The result could not be written to the cache; it is usable, but will be compiled again the next time.
    NotKept,
}

impl Engine {
    /// An engine for this machine.
    ///
    /// # Errors
    /// [`Error::Engine`] when the machine's CPU or system is not supported.
    pub fn new() -> Result<Self, Error> {
        let engine = Self::default();
        engine.runtime(Tier::Optimised)?;
        Ok(engine)
    }

    /// Compiles a module for this process alone, with nothing kept on disk. See
    /// [`ModuleCache`](crate::ModuleCache) for modules that are compiled once and run often. A module that the
    /// quick compiler cannot do is optimised instead; [`Module::tier`] tells.
    ///
    /// # Errors
    /// [`Error::Module`] when the bytes are not a module or cannot be compiled.
    pub fn compile(&self, bytes: &[u8], tier: Tier) -> Result<Module, Error> {
        let artefact = self.artefact(bytes, tier, &|_| {})?;
        self.module(ModuleId::of(bytes), &artefact)
    }

    /// The module that was just compiled.
    pub(crate) fn module(&self, id: ModuleId, artefact: &Artefact) -> Result<Module, Error> {
        let module = crate::cache::deserialize(&self.runtime(artefact.tier)?.engine, &artefact.code)
            .map_err(|error| ModuleError::Compile { message: format!("{error:#}") })?;
        Ok(Module::new(id, artefact.tier, module))
    }

    /// What runs modules of this tier.
    pub(crate) fn runtime(&self, tier: Tier) -> Result<&Runtime, Error> {
        let slot = match tier {
            Tier::Quick => &self.inner.quick,
            Tier::Optimised => &self.inner.optimised,
        };
        if let Some(runtime) = slot.get() {
            return Ok(runtime);
        }
        let runtime = Runtime::new(tier)?;
        Ok(slot.get_or_init(|| runtime))
    }

    /// See [`Runtime::compatibility`].
    pub(crate) fn compatibility(&self, tier: Tier) -> Result<[u8; 32], Error> {
        Ok(self.runtime(tier)?.compatibility)
    }
}

impl Runtime {
    fn new(tier: Tier) -> Result<Self, Error> {
        let engine = wasmtime::Engine::new(&config::runtime(tier)).map_err(failed)?;
        let mut linker = wasmtime::Linker::new(&engine);
        host::link(&mut linker).map_err(failed)?;
        let compatibility = compile::compatibility(&engine);
        Ok(Self { watchdog: Watchdog::default(), engine, linker, compatibility })
    }
}

fn failed(error: wasmtime::Error) -> Error {
    Error::Engine { message: format!("{error:#}") }
}
