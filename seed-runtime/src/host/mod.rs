//! WASI preview 1 for one deterministic process: each call reads its arguments, asks the file system, the
//! clocks or the streams of the process, and gives an error number.
//!
//! What holds for all calls: an address or length that leaves the memory of the process is `EFAULT`, and
//! nothing is allocated on the say-so of the process beyond what its own memory or its limits hold; nothing
//! shows the real time, real randomness, the host's file system or the network.

mod arguments;
mod calls;
mod clocks;
mod descriptors;
mod directories;
mod files;
mod link;
#[cfg(feature = "second-engine")]
mod link_second;
mod memory;
mod other;
mod paths;
mod random;
mod stdio;

use std::sync::Arc;

pub(crate) use arguments::Strings;
use bytes::Bytes;
pub(crate) use calls::{CALLS, MODULE};
pub(crate) use clocks::Clocks;
pub(crate) use descriptors::Descriptors;
pub(crate) use link::link;
#[cfg(feature = "second-engine")]
pub(crate) use link_second::link as link_second;
use memory::Memory;
pub(crate) use random::Random;
pub(crate) use stdio::Streams;

use crate::{Errno, engine::Running, fs::Fs, limits::Budget, process::Stream};

/// All that the host keeps of a running process.
pub(crate) struct State {
    pub(crate) args: Strings,
    pub(crate) env: Strings,
    pub(crate) fs: Fs,
    pub(crate) descriptors: Descriptors,
    pub(crate) clocks: Clocks,
    pub(crate) random: Random,
    pub(crate) stdin: Bytes,
    pub(crate) streams: Streams,
    pub(crate) budget: Budget,
    /// How the watchdog tells that time is over, where there is a limit.
    pub(crate) running: Option<Arc<Running>>,
    /// The memory that calls reach into, once the first engine has instantiated the module.
    pub(crate) memory: Option<wasmtime::Memory>,
}

/// One call: the memory of the process that calls, and its state.
pub(crate) struct Call<'a> {
    memory: Memory<'a>,
    state: &'a mut State,
}

/// Why a call did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The process is told.
    Errno(Errno),
    /// The process ends.
    Stop(Stop),
}

/// Why the host ended a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("the process ended itself with code {0}")]
    Exit(u32),
    #[error("too much output to {0}")]
    TooMuchOutput(Stream),
    #[error("the time limit is reached")]
    TimedOut,
}

/// Runs one call over the memory and state of its caller. Gives the error number that the process sees.
fn answer(
    memory: &mut [u8],
    state: &mut State,
    call: impl FnOnce(&mut Call<'_>) -> Result<(), Fault>,
) -> Result<u32, Stop> {
    if state.running.as_ref().is_some_and(|running| running.expired()) {
        return Err(Stop::TimedOut);
    }
    match call(&mut Call { memory: Memory(memory), state }) {
        Ok(()) => Ok(0),
        Err(Fault::Errno(errno)) => Ok(u32::from(errno.code())),
        Err(Fault::Stop(stop)) => Err(stop),
    }
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// Puts fields at their offsets in a structure of preview 1.
fn pack(structure: &mut [u8], fields: &[(usize, &[u8])]) {
    for (offset, bytes) in fields {
        structure.iter_mut().skip(*offset).zip(*bytes).for_each(|(to, from)| *to = *from);
    }
}
