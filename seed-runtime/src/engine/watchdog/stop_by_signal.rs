//! Stopping by a signal, at no cost to code that is not stopped.
//!
//! The thread that runs the process gets `SIGURG` (which does nothing anywhere else). The handler looks where
//! the thread is. Inside the body of one of the module's functions, it lets the thread go on at an instruction
//! that traps, in a module made for this alone; so the engine sees an ordinary trap, as it could have come
//! from any instruction, and ends the process. Anywhere else (in the host, in the engine, in code that leads
//! from one to the other) it does nothing, and the watchdog tries again a little later.
//!
//! Traps unwind to where the process was entered whatever the registers hold, and the store is given up
//! after, so it does not matter what the code was in the midst of.
#![allow(unsafe_code, reason = "signals and the registers of an interrupted thread are reached no other way")]

use std::{
    cell::Cell,
    ops::Range,
    ptr,
    sync::{
        Arc, Once,
        atomic::{AtomicPtr, Ordering},
    },
};

use wasmtime::Store;

use super::Running;
use crate::host::State;

/// Whether code must be compiled with epochs.
pub(in crate::engine) const EPOCHS: bool = false;

/// A module whose only function traps.
const TRAPS: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x05\x01\x03\0\0\x0b";

/// The bytes of the instruction that traps.
#[cfg(target_arch = "x86_64")]
const TRAP: &[u8] = &[0x0f, 0x0b];
#[cfg(target_arch = "aarch64")]
const TRAP: &[u8] = &[0x1f, 0xc1, 0, 0];

thread_local! {
    /// The innermost watched process on this thread. Read by the signal handler: it has no destructor and needs
    /// no initialisation.
    static HERE: Cell<*const Running> = const { Cell::new(ptr::null()) };
}

/// How one process is stopped.
pub(super) struct Stop {
    thread: libc::pthread_t,
    /// Where it may be stopped, once it is to be. Made by the watchdog, read by the handler, freed with this.
    plan: AtomicPtr<Plan>,
}

/// What the signal handler needs to know.
struct Plan {
    /// Addresses of the bodies of the module's functions, sorted.
    functions: Box<[Range<usize>]>,
    /// Address of an instruction that traps.
    trap: usize,
    /// Keeps that instruction alive.
    _traps: wasmtime::Module,
}

impl Plan {
    fn new(module: &wasmtime::Module) -> Option<Self> {
        let traps = wasmtime::Module::new(module.engine(), TRAPS).ok()?;
        let body = bodies(&traps).next()?;
        let start = traps.text().as_ptr().addr();
        let code = traps.text().get(body.start - start..body.end - start)?;
        let trap = body.start + code.windows(TRAP.len()).position(|bytes| bytes == TRAP)?;
        let mut functions: Box<[_]> = bodies(module).collect();
        functions.sort_unstable_by_key(|body| body.start);
        Some(Self { functions, trap, _traps: traps })
    }

    fn contains(&self, address: usize) -> bool {
        let after = self.functions.partition_point(|body| body.start <= address);
        after.checked_sub(1).and_then(|i| self.functions.get(i)).is_some_and(|body| body.contains(&address))
    }
}

/// Addresses of the bodies of a module's functions.
fn bodies(module: &wasmtime::Module) -> impl Iterator<Item = Range<usize>> {
    let text = module.text().as_ptr().addr();
    module.functions().map(move |f| text + f.offset..text + f.offset + f.len)
}

impl Stop {
    /// For a process on this thread.
    pub(super) fn new() -> Self {
        install();
        // SAFETY: it has no preconditions.
        let thread = unsafe { libc::pthread_self() };
        Self { thread, plan: AtomicPtr::default() }
    }

    /// Interrupts the process. It may have to be repeated. The process's thread must be inside its [`Here`].
    pub(super) fn attempt(&self, module: &wasmtime::Module) {
        if self.plan.load(Ordering::Acquire).is_null() {
            // Without a plan the process is stopped at its next call to the host.
            let Some(plan) = Plan::new(module) else { return };
            self.plan.store(Box::into_raw(Box::new(plan)), Ordering::Release);
        }
        // SAFETY: the thread is alive: the caller holds the lock that it must take to leave its `Watching`.
        unsafe { libc::pthread_kill(self.thread, libc::SIGURG) };
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        let plan = *self.plan.get_mut();
        if !plan.is_null() {
            // SAFETY: it came from `Box::into_raw`, and nobody reads it any more: the last to hold this has let go.
            drop(unsafe { Box::from_raw(plan) });
        }
    }
}

/// While this lives, the handler knows of the process on this thread.
pub(super) struct Here {
    before: *const Running,
    _running: Arc<Running>,
}

impl Here {
    pub(super) fn enter(running: &Arc<Running>) -> Self {
        Self { before: HERE.replace(Arc::as_ptr(running)), _running: running.clone() }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        HERE.set(self.before);
    }
}

/// Nothing has to be prepared in the process.
pub(in crate::engine) fn arm(_: &mut Store<State>, _: Option<&Arc<Running>>) {}

fn install() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        // SAFETY: all zeros is a valid `sigaction`; the handler only does what a handler may (see there). If it
        // cannot be installed, processes are stopped at their next call to the host.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(libc::SIGURG, &raw const action, ptr::null_mut());
        }
    });
}

/// The handler. It allocates nothing, takes no lock and calls nothing that does.
extern "C" fn on_signal(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let running = HERE.get();
    if running.is_null() || context.is_null() {
        return;
    }
    // SAFETY: `Here` keeps what `HERE` points to alive, on this very thread, until it sets it back; and the plan
    // lives as long as it. The context is that of the interrupted thread, ours to change until we return.
    unsafe {
        let plan = (*running).stop.plan.load(Ordering::Acquire);
        if plan.is_null() {
            return;
        }
        let pc = program_counter(context.cast());
        if (*plan).contains(usize::try_from(*pc).unwrap_or(0)) {
            *pc = (*plan).trap as _;
        }
    }
}

/// Where the interrupted thread goes on.
#[cfg(target_arch = "x86_64")]
unsafe fn program_counter(context: *mut libc::ucontext_t) -> *mut libc::greg_t {
    // SAFETY: the caller passes a valid context; the index is that of a register in it.
    unsafe { (&raw mut (*context).uc_mcontext.gregs).cast::<libc::greg_t>().add(libc::REG_RIP as usize) }
}

/// Where the interrupted thread goes on.
#[cfg(target_arch = "aarch64")]
unsafe fn program_counter(context: *mut libc::ucontext_t) -> *mut libc::c_ulonglong {
    // SAFETY: the caller passes a valid context.
    unsafe { &raw mut (*context).uc_mcontext.pc }
}
