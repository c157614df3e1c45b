//! A second engine, to check the first: an interpreter by other authors (wasmi), that shares no code with the first but the
//! calls of the host. What a process computes in both must be the same, so that an error in one compiler shows.
//!
//! It is slow, and knows no limit of real time: a process is stopped between its calls to the host only. How a process
//! trapped is told in its own words; where both succeed, their outcomes are equal.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use wasmi::{CompilationMode, Config, Linker, ResourceLimiter, Store, TrapCode};

use crate::{
    engine::{ordered, outcome, state},
    error::{Error, ModuleError},
    host::{State, Stop, link_second},
    limits::Budget,
    module::ModuleId,
    process::{Exit, Outcome, Process},
};

/// Bytes of the stack of values, and how deep calls may nest: as much as the first engine's stack holds of small frames.
const STACK: usize = 256 << 20;
const DEPTH: usize = 1 << 20;

/// Tables and memories that a module may have: what they take together is limited.
const MANY: usize = 1000;

/// The interpreter. All its methods may be called from many threads at once.
pub struct Interpreter {
    engine: wasmi::Engine,
    linker: Linker<State>,
    /// Modules that were read: their functions are translated when they are first called.
    modules: Mutex<HashMap<ModuleId, wasmi::Module>>,
}

impl Interpreter {
    /// An interpreter without modules.
    ///
    /// # Errors
    /// [`Error::Engine`] where the calls of the host cannot be given to it: a fault of nuka.
    pub fn new() -> Result<Self, Error> {
        let mut config = Config::default();
        config.compilation_mode(CompilationMode::LazyTranslation);
        config.set_max_stack_height(STACK).set_max_recursion_depth(DEPTH);
        let engine = wasmi::Engine::new(&config);
        let mut linker = Linker::new(&engine);
        link_second(&mut linker).map_err(|error| Error::Engine { message: error.to_string() })?;
        Ok(Self { engine, linker, modules: Mutex::default() })
    }

    /// Runs a command of these bytes until it ends. What happens inside the process is [`Outcome::exit`], not an error.
    ///
    /// # Errors
    /// [`Error`] when the process cannot begin: the bytes are no command, or the mounts, arguments or working directory
    /// are not as they must be.
    pub fn run(&self, bytes: &[u8], process: Process) -> Result<Outcome, Error> {
        let module = self.module(bytes)?;
        let limits = process.limits;
        let mut store = Store::new(&self.engine, state(process, None, None)?);
        store.limiter(|state| &mut state.budget);
        let ended = self
            .linker
            .instantiate_and_start(&mut store, &module)
            .and_then(|instance| instance.get_typed_func::<(), ()>(&store, "_start"))
            .and_then(|start| start.call(&mut store, ()));
        let state = store.into_data();
        let Err(error) = ended else { return Ok(outcome(Exit::Code(0), state)) };
        if let Some(exit) = ordered(error.downcast_ref::<Stop>(), &state, &limits) {
            return Ok(outcome(exit, state));
        }
        let exit = match error.as_trap_code() {
            Some(TrapCode::StackOverflow) => Exit::StackExhausted { backtrace: String::new() },
            Some(trap) => Exit::Trapped { message: trap.to_string(), backtrace: String::new() },
            None => return Err(Error::Start { message: error.to_string() }),
        };
        Ok(outcome(exit, state))
    }

    fn module(&self, bytes: &[u8]) -> Result<wasmi::Module, Error> {
        let id = ModuleId::of(bytes);
        let known = || self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = known().get(&id) {
            return Ok(module.clone());
        }
        let invalid = |error: wasmi::Error| ModuleError::Invalid { message: error.to_string() };
        let module = wasmi::Module::new(&self.engine, bytes).map_err(invalid)?;
        Ok(known().entry(id).or_insert(module).clone())
    }
}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interpreter")
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, wasmi_core::LimiterError> {
        Ok(self.memory(current, desired, maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, wasmi_core::LimiterError> {
        Ok(self.table(current, desired, maximum))
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        MANY
    }

    fn memories(&self) -> usize {
        MANY
    }
}
