//! Running one process.
//!
//! A process runs on a stack of its own (a fiber), so it can be started from any thread, however small that
//! thread's stack is, and no thread is made for it. Nothing in it ever waits, so its future is ready when it is
//! first polled.

use std::{
    fmt::Write as _,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use wasmtime::{Store, Trap, WasmBacktrace};

use super::{
    Engine,
    watchdog::{Running, arm},
};
use crate::{
    error::{Error, ModuleError},
    fs::Fs,
    host::{Clocks, Descriptors, Random, State, Stop, Streams, Strings},
    limits::Budget,
    module::Module,
    process::{Exit, Limits, Mount, Outcome, Output, Process},
};

impl Engine {
    /// Runs a process until it ends or a limit stops it. `output` is called with each piece of output as it
    /// comes; all of it is in the outcome too.
    ///
    /// What happens inside the process, a trap or a limit too, is [`Outcome::exit`], not an error.
    ///
    /// # Errors
    /// [`Error`] when the process cannot begin: the module is not a command, or the mounts, arguments or
    /// working directory are not as they must be.
    pub fn run(&self, module: &Module, process: Process, output: Option<Output>) -> Result<Outcome, Error> {
        let runtime = self.runtime(module.tier())?;
        let ready = module.ready(&runtime.linker)?;
        let limits = process.limits;
        let cancelled = process.cancelled.clone();
        let watching = match limits.wall_time {
            None if cancelled.is_none() => None,
            limit => {
                let watching = runtime.watchdog.watch(module.wasmtime(), limit, cancelled);
                Some(watching.ok_or_else(|| Error::Start { message: "no thread can be had".into() })?)
            }
        };
        let running = watching.as_ref().map(|watching| watching.running().clone());
        let mut store = Store::new(&runtime.engine, state(process, running.clone(), output)?);
        store.limiter(|state| &mut state.budget);
        arm(&mut store, running.as_ref());
        let ended = complete(async {
            let instance = ready.instantiate_async(&mut store).await?;
            store.data_mut().memory = instance.get_memory(&mut store, "memory");
            let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
            start.call_async(&mut store, ()).await
        });
        drop(watching);
        let state = store.into_data();
        let exit = exit(ended, &state, &limits)?;
        Ok(outcome(exit, state))
    }
}

/// What a process left behind that has ended so.
pub(crate) fn outcome(exit: Exit, state: State) -> Outcome {
    let peak_memory = state.budget.peak();
    let refused = state.budget.was_refused() || state.fs.was_full();
    let (mounts, reads) = state.fs.finish();
    let (stdout, stderr) = (Bytes::from(state.streams.stdout), Bytes::from(state.streams.stderr));
    Outcome { exit, stdout, stderr, mounts, reads, peak_memory, refused }
}

/// Polls a future that never waits.
fn complete<T>(future: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(wasmtime::format_err!("the process waited for something")),
    }
}

pub(crate) fn state(
    process: Process,
    running: Option<Arc<Running>>,
    output: Option<Output>,
) -> Result<State, Error> {
    let Process { args, env, mounts, cwd, stdin, seed, clock, limits, cancelled: _ } = process;
    check_mounts(&mounts)?;
    let strings = |list, what| Strings::new(list).ok_or(Error::BadStrings { what });
    let args = strings(args, "argument")?;
    let env = env.into_iter().map(|(mut name, value)| {
        name.push(b'=');
        name.extend_from_slice(&value);
        name
    });
    let env = strings(env.collect(), "environment variable")?;
    let mut fs = Fs::new(mounts, limits.tree);
    let mut preopened: Vec<_> = fs.roots().map(|(path, id)| (path.to_bytes(), id)).collect();
    if let Some(cwd) = cwd {
        let id = fs.directory_at(&cwd);
        let id = id.ok_or_else(|| Error::NoWorkingDirectory { cwd: cwd.clone() })?;
        let absolute = cwd.to_bytes();
        if !preopened.iter().any(|(path, _)| *path == absolute) {
            preopened.push((absolute, id));
        }
        preopened.push((b".".to_vec(), id));
    }
    let descriptors = Descriptors::new(preopened, &mut fs);
    Ok(State {
        args,
        env,
        fs,
        descriptors,
        clocks: Clocks::new(clock),
        random: Random::new(&seed),
        stdin,
        streams: Streams::new(&limits, output),
        budget: Budget::new(limits.memory),
        running,
        memory: None,
    })
}

fn check_mounts(mounts: &[Mount]) -> Result<(), Error> {
    for (index, inner) in mounts.iter().enumerate() {
        for (other, outer) in mounts.iter().enumerate() {
            if index != other && inner.path.strip_prefix(&outer.path).is_some() {
                return Err(Error::NestedMounts { outer: outer.path.clone(), inner: inner.path.clone() });
            }
        }
    }
    Ok(())
}

/// How the process ended, if it did so itself or because of a limit: whatever engine ran it. `stop` is what the host ended
/// it for, if it did.
pub(crate) fn ordered(stop: Option<&Stop>, state: &State, limits: &Limits) -> Option<Exit> {
    let expired = state.running.as_ref().is_some_and(|running| running.expired());
    match stop {
        Some(Stop::Exit(0)) => return Some(Exit::Code(0)),
        Some(Stop::TooMuchOutput(stream)) => {
            let limit = match stream {
                crate::process::Stream::Stdout => limits.stdout,
                crate::process::Stream::Stderr => limits.stderr,
            };
            return Some(Exit::TooMuchOutput { stream: *stream, limit });
        }
        Some(Stop::Exit(_)) => {}
        // Once the time is over, a trap is most likely the watchdog's own.
        None if !expired => {}
        Some(Stop::TimedOut) | None if state.running.as_ref().is_some_and(|running| running.cancelled()) => {
            return Some(Exit::Cancelled);
        }
        Some(Stop::TimedOut) | None => {
            return Some(Exit::TimedOut { limit: limits.wall_time.unwrap_or_default() });
        }
    }
    // A program that was refused something and did not succeed most likely failed because of it.
    if state.budget.was_refused() {
        return Some(Exit::OutOfMemory { limit: limits.memory });
    }
    if state.fs.was_full() {
        return Some(Exit::TreeFull { limit: limits.tree });
    }
    match stop {
        Some(Stop::Exit(code)) => Some(Exit::Code(*code)),
        _ => None,
    }
}

/// How the process ended, from what the engine says.
fn exit(ended: wasmtime::Result<()>, state: &State, limits: &Limits) -> Result<Exit, Error> {
    let error = match ended {
        Ok(()) => return Ok(Exit::Code(0)),
        Err(error) => error,
    };
    if let Some(exit) = ordered(error.downcast_ref(), state, limits) {
        return Ok(exit);
    }
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(backtrace).unwrap_or_default();
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Ok(Exit::StackExhausted { backtrace }),
        Some(trap) => Ok(Exit::Trapped { message: trap.to_string(), backtrace }),
        None if error.is::<wasmtime::ThrownException>() => {
            Ok(Exit::Trapped { message: "an exception was not caught".into(), backtrace })
        }
        None if state.memory.is_some() => {
            Ok(Exit::Trapped { message: error.root_cause().to_string(), backtrace })
        }
        // It never began.
        None => match error.to_string() {
            message if message.contains("_start") => Err(ModuleError::Invalid { message }.into()),
            message => Err(Error::Start { message }),
        },
    }
}

pub(crate) fn backtrace(trace: &WasmBacktrace) -> String {
    let mut text = String::new();
    for frame in trace.frames() {
        let offset = frame.module_offset().unwrap_or_default();
        let name =
            frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), str::to_owned);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} (at {offset:#x})");
    }
    text
}
