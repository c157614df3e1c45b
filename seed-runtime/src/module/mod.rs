//! A WebAssembly command: its id, what it is, and its compiled form.

mod inspect;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

pub use inspect::{Dialect, Shape};
use wasmtime::InstancePre;

use crate::{
    error::ModuleError,
    host::{CALLS, MODULE, State},
};

/// Name of a module: the plain BLAKE3 of its WebAssembly bytes, as a store names the file that holds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub [u8; 32]);

impl ModuleId {
    /// The id of these bytes. Uses all cores for large ones.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(crate::hash::hash(bytes))
    }
}

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleId({self})")
    }
}

/// How much work goes into compiling. What a program computes is the same, bit for bit; only its speed and the
/// depth at which its calls nest too deep differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Compiled as fast as can be; runs slower.
    Quick,
    /// Compiled with all optimisations.
    Optimised,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quick => "quick",
            Self::Optimised => "optimised",
        })
    }
}

/// A compiled command, ready to be run many times, at once or one after another. Cloning is cheap.
#[derive(Clone)]
pub struct Module {
    inner: Arc<Inner>,
}

struct Inner {
    id: ModuleId,
    tier: Tier,
    module: wasmtime::Module,
    /// Its imports resolved for a deterministic process, once, at its first run.
    ready: OnceLock<InstancePre<State>>,
}

impl Module {
    pub(crate) fn new(id: ModuleId, tier: Tier, module: wasmtime::Module) -> Self {
        Self { inner: Arc::new(Inner { id, tier, module, ready: OnceLock::new() }) }
    }

    /// The id of the bytes that it was compiled from.
    #[must_use]
    pub fn id(&self) -> ModuleId {
        self.inner.id
    }

    /// How it was compiled.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.inner.tier
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Module {
        &self.inner.module
    }

    /// The module with its imports resolved by `linker`, which is always the engine's own.
    pub(crate) fn ready(&self, linker: &wasmtime::Linker<State>) -> Result<&InstancePre<State>, ModuleError> {
        if let Some(ready) = self.inner.ready.get() {
            return Ok(ready);
        }
        let shape = Shape::of(&self.inner.module);
        shape.require_command()?;
        shape.require_imports(|module, name| module == MODULE && CALLS.contains(&name))?;
        let ready = linker
            .instantiate_pre(&self.inner.module)
            .map_err(|error| ModuleError::Invalid { message: format!("{error:#}") })?;
        Ok(self.inner.ready.get_or_init(|| ready))
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Module({}, {})", self.inner.id, self.inner.tier)
    }
}
