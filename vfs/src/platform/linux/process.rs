//! The calls around processes and mounts that have no safe form: `fork`, waiting with signals blocked, and `mount_setattr`.
//!
//! They are unsafe in Rust because a forked process must not touch locks and memory that another thread was using. All
//! that runs in one here are system calls on the stack; nothing is allocated and nothing is locked.

#![allow(unsafe_code, reason = "see above")]

use rustix::{
    fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    io::Errno,
    mount::MountAttrFlags,
    process::{Pid, Signal},
};
use std::{io, mem, os::unix::process::CommandExt as _, process::Command};

/// Runs `steps` in the new process before its program.
pub(super) fn before_exec(
    command: &mut Command,
    steps: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: the callers' steps are system calls on what was allocated before (see `launch`).
    unsafe { command.pre_exec(steps) };
}

/// Sets attributes of a mount, and with `recursive` of all below it.
pub(super) fn restrict_mount(
    mount: BorrowedFd<'_>,
    attributes: MountAttrFlags,
    recursive: bool,
) -> Result<(), Errno> {
    let attributes = libc::mount_attr {
        attr_set: u64::from(attributes.bits()),
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a C string, the attributes are those of the kernel, with their own size.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            mem::size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(last()) }
}

fn last() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Goes on in a child; this process stays and ends as the program does, whose end it reads from a pipe. The child gets
/// the other end. With a parent this process ends when that does.
pub(super) fn outlive_init(parent: Option<Pid>) -> Result<OwnedFd, Errno> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    if let Some(init) = fork()? {
        hide()?;
        parent.map_or(Ok(()), end_with)?;
        drop(writer);
        close_all_but(Some(&reader));
        let status = supervise(init);
        let mut ended = [0; 4];
        match rustix::io::read(&reader, &mut ended) {
            Ok(4) => end_as(i32::from_ne_bytes(ended)),
            _ => end_as(status),
        }
    }
    drop(reader);
    // Whoever kills the one outside kills all that is in here.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(writer)
}

/// This process ends as soon as its parent does, also if that has ended already.
pub(super) fn end_with(parent: Pid) -> Result<(), Errno> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(Errno::SRCH) }
}

/// This process still has the environment, and the memory, of whoever started it: nobody in there may look at them.
fn hide() -> Result<(), Errno> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
}

/// Goes on in a child; this process, number 1, reaps whatever ends, and ends with the child.
pub(super) fn outlive_program(ended: Option<OwnedFd>) -> Result<(), Errno> {
    if let Some(program) = fork()? {
        hide()?;
        close_all_but(ended.as_ref());
        let status = supervise(program);
        if let Some(ended) = ended {
            let _ = rustix::io::write(&ended, &status.to_ne_bytes());
        }
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(0) }
    }
    Ok(())
}

/// The signals that are passed on rather than taken: all but those that stop and continue a process, which its terminal
/// sends to the whole group, and those that are its own mistakes.
fn passed_on() -> libc::sigset_t {
    let kept = [
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGCONT,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGABRT,
        libc::SIGTRAP,
        libc::SIGSYS,
    ];
    // SAFETY: a set of signals is plain data that `sigfillset` fills.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigfillset(&raw mut set);
        for signal in kept {
            libc::sigdelset(&raw mut set, signal);
        }
        set
    }
}

/// Forks. The parent gets the child's id, and has signals blocked from before the child began.
fn fork() -> Result<Option<libc::pid_t>, Errno> {
    let set = passed_on();
    // SAFETY: system calls on values of this stack; the child goes on with system calls only.
    unsafe {
        let mut before = mem::zeroed();
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
        // Ignored, ended children would not be seen.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        match libc::fork() {
            -1 => {
                let error = last();
                libc::sigprocmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
                Err(error)
            }
            0 => {
                libc::sigprocmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
                Ok(None)
            }
            child => Ok(Some(child)),
        }
    }
}

/// Closes what was inherited: who waits for an end of it must not wait for this process.
fn close_all_but(kept: Option<&OwnedFd>) {
    let close = |from: i32, to: u32| {
        // SAFETY: nothing in this process uses the descriptors any more.
        let _ = unsafe { libc::syscall(libc::SYS_close_range, from, to, 0) };
    };
    match kept.map(AsRawFd::as_raw_fd) {
        Some(kept) => {
            if kept > 3 {
                close(3, kept.cast_unsigned() - 1);
            }
            close(kept.max(2) + 1, u32::MAX);
        }
        None => close(3, u32::MAX),
    }
}

/// Waits for a child, passing on signals, and returns how it ended.
fn supervise(child: libc::pid_t) -> i32 {
    let set = passed_on();
    loop {
        // SAFETY: both are plain data that the kernel fills.
        let (signal, code) = unsafe {
            let mut info: libc::siginfo_t = mem::zeroed();
            (libc::sigwaitinfo(&raw const set, &raw mut info), info.si_code)
        };
        if signal == libc::SIGCHLD {
            if let Some(status) = reap(child) {
                return status;
            }
        // What the terminal sends, its whole group gets anyhow.
        } else if signal > 0 && code <= 0 {
            // SAFETY: a system call. The child is not reaped yet, so the id is its own.
            unsafe { libc::kill(child, signal) };
        }
    }
}

/// Takes note of all that ended; says how if it was this one.
fn reap(child: libc::pid_t) -> Option<i32> {
    let mut ended = None;
    loop {
        let mut status = 0;
        // SAFETY: a system call that fills a number.
        match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
            id if id == child => ended = Some(status),
            id if id > 0 => {}
            _ => return ended,
        }
    }
}

/// Ends this process as another one ended.
fn end_as(status: i32) -> ! {
    if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        // SAFETY: system calls on values of this stack.
        unsafe {
            // The program has left its core, if any is wanted.
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            libc::signal(signal, libc::SIG_DFL);
            let mut set = mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
            libc::kill(libc::getpid(), signal);
            libc::_exit(128 + signal)
        }
    }
    // SAFETY: ends this process at once.
    unsafe { libc::_exit(libc::WEXITSTATUS(status)) }
}

/// Switches on the loopback network of a new network namespace.
pub(super) fn switch_on_loopback() -> Result<(), Errno> {
    // SAFETY: a new descriptor, which is owned; and a request that is plain data.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 {
            return Err(last());
        }
        let socket = OwnedFd::from_raw_fd(socket);
        let mut request: libc::ifreq = mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = from.cast_signed() as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        if libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) == 0 {
            Ok(())
        } else {
            Err(last())
        }
    }
}
