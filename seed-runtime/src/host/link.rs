//! Giving the calls of preview 1 to a module that the engine compiled.

use wasmtime::{Caller, Extern, Linker};

use super::{
    Call, Fault, State, answer,
    arguments::*,
    calls::{MODULE, each_call},
    clocks::*,
    descriptors::*,
    directories::*,
    files::*,
    other::*,
    paths::*,
    random::*,
};

macro_rules! define {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        /// Defines the calls in `linker`.
        pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
            $(linker.func_wrap(MODULE, stringify!($name), |mut caller: Caller<'_, State>, $($arg: $type),*| {
                enter(&mut caller, |call| $name(call, $($arg),*))
            })?;)*
            linker.func_wrap(MODULE, "proc_exit", |mut caller: Caller<'_, State>, code: u32| {
                enter(&mut caller, |call| proc_exit(call, code)).map(drop)
            })?;
            Ok(())
        }
    };
}

each_call!(define);

/// Runs one call over the memory and state of its caller. Gives the error number that the process sees.
fn enter(
    caller: &mut Caller<'_, State>,
    call: impl FnOnce(&mut Call<'_>) -> Result<(), Fault>,
) -> wasmtime::Result<u32> {
    // A start function calls before the instance is there, so its memory is looked up each time.
    let memory = match caller.data().memory {
        Some(memory) => memory,
        None => match caller.get_export("memory") {
            Some(Extern::Memory(memory)) => memory,
            _ => wasmtime::bail!("the module calls the system but exports no memory"),
        },
    };
    let (bytes, state) = memory.data_and_store_mut(caller);
    answer(bytes, state, call).map_err(wasmtime::Error::new)
}
