//! Programs that a person runs: with the terminal, the real clock, and the directories that they were granted.
//!
//! Unlike a [`Process`](crate::Process) a live program touches the real system, so nothing here is deterministic.
//! It sees the directories that it is given and nothing else; it has no network unless that is granted.

mod emscripten;
mod preopen;
mod stdout;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use wasmtime::{Linker, Store, StoreLimits, StoreLimitsBuilder, Trap, WasmBacktrace};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder, p1::WasiP1Ctx};

use crate::{
    engine::{Engine, THREAD_STACK, backtrace},
    error::ModuleError,
    host::MODULE,
    module::{Module, Shape},
    process::{Access, Exit},
    tree::GuestPath,
};

/// Exit code of a program whose standard output was closed: that of a program ended by `SIGPIPE` in a shell.
pub const CLOSED_PIPE: u32 = 141;

/// A program with a person at the terminal.
#[derive(Debug, Clone, Default)]
pub struct LiveProcess {
    /// Arguments; the first is the program's own name.
    pub args: Vec<String>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// The directories that it sees, besides the working directory.
    pub dirs: Vec<LiveDir>,
    /// The working directory on the host (absolute), if the program may see it. It is `.`, and it is at its own absolute path.
    pub cwd: Option<(PathBuf, Access)>,
    /// Whether it may use the network.
    pub network: bool,
    /// Most bytes of memory that it may use; `None` is as much as it can address.
    pub memory: Option<usize>,
}

/// A directory of the host, granted to a program.
#[derive(Debug, Clone)]
pub struct LiveDir {
    /// Where it is on the host.
    pub host: PathBuf,
    /// Where the program sees it.
    pub guest: GuestPath,
    /// Whether the program may change it.
    pub access: Access,
}

/// Why a live program could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The module cannot be used.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// A directory that was granted cannot be opened.
    #[error("the directory `{path}` cannot be given to the program: {message}", path = .path.display())]
    Directory {
        /// The directory on the host.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// The root of the file system was to be given to a program.
    #[error("`/` is never given to a program; name the directories that it needs")]
    Root,
    /// A path on the host is not UTF-8, which a live program's must be.
    #[error("the path `{path}` is not UTF-8, so the program cannot be told of it", path = .path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// The program could not be started.
    #[error("the program cannot be started: {message}")]
    Start {
        /// What was in the way.
        message: String,
    },
}

struct State {
    wasi: WasiP1Ctx,
    limits: StoreLimits,
}

/// Runs a program with this process's standard streams until it ends. A trap is an [`Exit`], not an error; a
/// program whose standard output was closed ends quietly with [`CLOSED_PIPE`].
///
/// # Errors
/// [`LiveError`] when the program cannot begin.
pub fn run(engine: &Engine, module: &Module, process: LiveProcess) -> Result<Exit, LiveError> {
    let shape = Shape::of(module.wasmtime());
    shape.require_command()?;
    shape.require_imports(|from, name| {
        from == MODULE && crate::host::CALLS.contains(&name) || from == "env" && emscripten::provides(name)
    })?;
    let start = |message: String| LiveError::Start { message };
    let limit = process.memory.unwrap_or(usize::MAX);
    let state =
        State { wasi: context(process)?, limits: StoreLimitsBuilder::new().memory_size(limit).build() };
    let runtime = engine.runtime(module.tier()).map_err(|e| start(e.to_string()))?;
    let mut linker: Linker<State> = Linker::new(&runtime.engine);
    let linked = wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |state: &mut State| &mut state.wasi)
        .and_then(|()| own_exit(&mut linker))
        .and_then(|()| emscripten::link(&mut linker, module.wasmtime()));
    linked.map_err(|e| start(format!("{e:#}")))?;
    let mut store = Store::new(&runtime.engine, state);
    store.limiter(|state| &mut state.limits);
    // A person ends it, not a clock.
    store.set_epoch_deadline(u64::MAX / 2);
    let ended = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("nuka-live".into()).stack_size(THREAD_STACK);
        let running = thread.spawn_scoped(scope, move || {
            let instance = linker.instantiate(&mut store, module.wasmtime())?;
            instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
        });
        match running {
            Ok(running) => running.join().map_err(|_| start("it panicked".into())),
            Err(error) => Err(start(error.to_string())),
        }
    })?;
    exit(ended)
}

/// Any code may end a program, also those from 126 on, which `wasmtime_wasi` takes for a crash. As POSIX does, its last
/// eight bits are what is seen.
fn own_exit(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let exit = |code: u32| -> wasmtime::Result<()> { Err(I32Exit((code & 0xff).cast_signed()).into()) };
    linker.func_wrap(crate::host::MODULE, "proc_exit", exit)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn context(process: LiveProcess) -> Result<WasiP1Ctx, LiveError> {
    let LiveProcess { args, env, dirs, cwd, network, memory: _ } = process;
    let mut builder = WasiCtxBuilder::new();
    builder.args(&args).inherit_stdin().stdout(stdout::Stdout).inherit_stderr();
    builder.allow_blocking_current_thread(true);
    for (name, value) in &env {
        builder.env(name, value);
    }
    if network {
        builder.inherit_network().allow_ip_name_lookup(true);
    }
    builder.allow_tcp(network).allow_udp(network);
    for dir in preopen::preopens(&dirs, cwd.as_ref())? {
        open(&mut builder, &dir.host, &dir.name, dir.access)?;
    }
    Ok(builder.build_p1())
}

fn open(builder: &mut WasiCtxBuilder, host: &Path, guest: &str, access: Access) -> Result<(), LiveError> {
    let perms = match access {
        Access::ReadOnly => FsPerms::ReadOnly,
        Access::ReadWrite => FsPerms::ReadWrite,
    };
    let opened = builder.preopened_dir(host, guest, perms).map(drop);
    opened.map_err(|error| LiveError::Directory { path: host.to_owned(), message: format!("{error:#}") })
}

fn exit(ended: wasmtime::Result<()>) -> Result<Exit, LiveError> {
    let error = match ended {
        Ok(()) => return Ok(Exit::Code(0)),
        Err(error) => error,
    };
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return Ok(Exit::Code(code.cast_unsigned()));
    }
    if error.downcast_ref::<stdout::PipeClosed>().is_some() {
        return Ok(Exit::Code(CLOSED_PIPE));
    }
    let trace = error.downcast_ref::<WasmBacktrace>().map(backtrace);
    match (error.downcast_ref::<Trap>(), trace) {
        (Some(Trap::StackOverflow), trace) => {
            Ok(Exit::StackExhausted { backtrace: trace.unwrap_or_default() })
        }
        (Some(trap), trace) => {
            Ok(Exit::Trapped { message: trap.to_string(), backtrace: trace.unwrap_or_default() })
        }
        (None, Some(backtrace)) => Ok(Exit::Trapped { message: error.root_cause().to_string(), backtrace }),
        (None, None) => Err(LiveError::Start { message: format!("{error:#}") }),
    }
}
