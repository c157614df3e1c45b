//! Giving the calls of preview 1 to a module.

use wasmtime::{Caller, Extern, Linker};

use super::{
    Call, Fault, Memory, State, Stop, arguments::*, clocks::*, descriptors::*, directories::*, files::*,
    other::*, paths::*, random::*,
};

/// Name of the module that the calls are imported from.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

macro_rules! calls {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        /// Names of the calls.
        pub(crate) const CALLS: &[&str] = &["proc_exit", $(stringify!($name)),*];

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

calls! {
    args_get(pointers: u32, buffer: u32);
    args_sizes_get(count: u32, size: u32);
    clock_res_get(id: u32, out: u32);
    clock_time_get(id: u32, precision: u64, out: u32);
    environ_get(pointers: u32, buffer: u32);
    environ_sizes_get(count: u32, size: u32);
    fd_advise(fd: u32, offset: u64, length: u64, advice: u32);
    fd_allocate(fd: u32, offset: u64, length: u64);
    fd_close(fd: u32);
    fd_fdstat_get(fd: u32, out: u32);
    fd_fdstat_set_flags(fd: u32, flags: u32);
    fd_fdstat_set_rights(fd: u32, rights: u64, inheriting: u64);
    fd_filestat_get(fd: u32, out: u32);
    fd_filestat_set_size(fd: u32, size: u64);
    fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32);
    fd_pread(fd: u32, list: u32, count: u32, offset: u64, out: u32);
    fd_prestat_dir_name(fd: u32, out: u32, room: u32);
    fd_prestat_get(fd: u32, out: u32);
    fd_pwrite(fd: u32, list: u32, count: u32, offset: u64, out: u32);
    fd_read(fd: u32, list: u32, count: u32, out: u32);
    fd_readdir(fd: u32, buffer: u32, room: u32, cookie: u64, out: u32);
    fd_renumber(from: u32, to: u32);
    fd_seek(fd: u32, by: i64, whence: u32, out: u32);
    fd_sync(fd: u32);
    fd_datasync(fd: u32);
    fd_tell(fd: u32, out: u32);
    fd_write(fd: u32, list: u32, count: u32, out: u32);
    path_create_directory(fd: u32, path: u32, length: u32);
    path_filestat_get(fd: u32, flags: u32, path: u32, length: u32, out: u32);
    path_filestat_set_times(
        fd: u32, flags: u32, path: u32, length: u32, accessed: u64, modified: u64, which: u32
    );
    path_link(
        old_fd: u32, old_flags: u32, old: u32, old_length: u32, new_fd: u32, new: u32, new_length: u32
    );
    path_open(
        fd: u32, dirflags: u32, path: u32, length: u32, oflags: u32, rights: u64, inheriting: u64, fdflags: u32, out: u32
    );
    path_readlink(fd: u32, path: u32, length: u32, buffer: u32, room: u32, out: u32);
    path_remove_directory(fd: u32, path: u32, length: u32);
    path_rename(old_fd: u32, old: u32, old_length: u32, new_fd: u32, new: u32, new_length: u32);
    path_symlink(target: u32, target_length: u32, fd: u32, path: u32, length: u32);
    path_unlink_file(fd: u32, path: u32, length: u32);
    poll_oneoff(subscriptions: u32, events: u32, count: u32, out: u32);
    proc_raise(signal: u32);
    random_get(buffer: u32, length: u32);
    sched_yield();
    sock_accept(fd: u32, flags: u32, out: u32);
    sock_recv(fd: u32, list: u32, count: u32, flags: u32, out: u32, out_flags: u32);
    sock_send(fd: u32, list: u32, count: u32, flags: u32, out: u32);
    sock_shutdown(fd: u32, how: u32);
}

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
    if state.running.as_ref().is_some_and(|running| running.expired()) {
        return Err(wasmtime::Error::new(Stop::TimedOut));
    }
    match call(&mut Call { memory: Memory(bytes), state }) {
        Ok(()) => Ok(0),
        Err(Fault::Errno(errno)) => Ok(u32::from(errno.code())),
        Err(Fault::Stop(stop)) => Err(wasmtime::Error::new(stop)),
    }
}
