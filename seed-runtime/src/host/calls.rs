//! The calls of preview 1, as a module imports them: once, for every engine that gives them to one.

/// Name of the module that the calls are imported from.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

/// Hands the list of calls to another macro: all but `proc_exit`, which does not return.
macro_rules! each_call {
    ($($then:tt)+) => {
        $($then)+! {
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
    };
}

pub(crate) use each_call;

macro_rules! names {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        /// Names of the calls.
        pub(crate) const CALLS: &[&str] = &["proc_exit", $(stringify!($name)),*];
    };
}

each_call!(names);
