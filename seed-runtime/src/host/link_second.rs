//! Giving the calls of preview 1 to a module that the second engine interprets: the same functions, over its memory.

use wasmi::{Caller, Error, Extern, Linker, errors::LinkerError};

use super::{
    Call, Fault, State, Stop, answer,
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

impl wasmi::errors::HostError for Stop {}

macro_rules! define {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        /// Defines the calls in `linker`.
        pub(crate) fn link(linker: &mut Linker<State>) -> Result<(), LinkerError> {
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

/// Runs one call over the memory and state of its caller.
fn enter(
    caller: &mut Caller<'_, State>,
    call: impl FnOnce(&mut Call<'_>) -> Result<(), Fault>,
) -> Result<u32, Error> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(Error::new("the module calls the system but exports no memory"));
    };
    let (bytes, state) = memory.data_and_store_mut(caller);
    answer(bytes, state, call).map_err(Error::host)
}
