//! Stopping processes that run for too long.
//!
//! Compiled code does not look at a clock or counter of its own accord: on LLVM that would cost a fifth of its
//! speed. Instead one thread sleeps until the earliest deadline of all running processes; nothing is done
//! before. When a deadline has passed, the process is stopped at its next call to the host, or, where it makes
//! none, by [`stop`]. While there are processes that can be cancelled, the thread also wakes a few times a second.

#[cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))),
    path = "stop_by_epoch.rs"
)]
#[cfg_attr(
    all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")),
    path = "stop_by_signal.rs"
)]
mod stop;

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

pub(super) use stop::{EPOCHS, arm};

/// Time between two attempts to stop a process. Short, because an attempt that meets a process inside the engine
/// (copying memory, say) does nothing, and some are hardly ever anywhere else.
const AGAIN: Duration = Duration::from_micros(100);

/// Time between two looks whether a process is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// See the module's text. Its thread begins with the first process that has a deadline, and ends when this is dropped.
#[derive(Default)]
pub(super) struct Watchdog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Watched>,
    changed: Condvar,
}

#[derive(Default)]
struct Watched {
    /// Few: no more than there are threads that run processes.
    running: Vec<Arc<Running>>,
    /// When the thread wakes by itself.
    wakes: Option<Instant>,
    started: bool,
    ended: bool,
}

/// A process that is being watched.
pub(crate) struct Running {
    deadline: Instant,
    expired: AtomicBool,
    cancelled: Option<Arc<AtomicBool>>,
    module: wasmtime::Module,
    stop: stop::Stop,
}

impl Running {
    /// Whether the deadline has passed, or nobody wants it any more.
    pub(crate) fn expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }

    /// Whether nobody wants it any more.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancelled.as_ref().is_some_and(|cancelled| cancelled.load(Ordering::Acquire))
    }
}

/// While this lives, the process that runs on this thread is watched.
pub(super) struct Watching {
    shared: Arc<Shared>,
    running: Arc<Running>,
    // Dropped after the process is off the list, so that no attempt to stop it is under way.
    _here: stop::Here,
}

impl Watching {
    pub(super) fn running(&self) -> &Arc<Running> {
        &self.running
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        // What it guards is whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    /// Watches the process of `module` that this thread is about to run. `None` when no thread can be had.
    pub(super) fn watch(
        &self,
        module: &wasmtime::Module,
        limit: Option<Duration>,
        cancelled: Option<Arc<AtomicBool>>,
    ) -> Option<Watching> {
        // A deadline that no clock reaches is as good as a very late one.
        let far = Duration::from_secs(100 * 365 * 24 * 3600);
        let deadline = Instant::now() + limit.unwrap_or(far).min(far);
        let looked_at = cancelled.is_some();
        let running = Arc::new(Running {
            deadline,
            expired: AtomicBool::new(false),
            cancelled,
            module: module.clone(),
            stop: stop::Stop::new(),
        });
        let mut watched = self.shared.lock();
        if !watched.started {
            let shared = self.shared.clone();
            let thread = std::thread::Builder::new().name("nuka-watchdog".into());
            thread.spawn(move || watch(&shared)).ok()?;
            watched.started = true;
        }
        watched.running.push(running.clone());
        let wanted = if looked_at { deadline.min(Instant::now() + LOOK) } else { deadline };
        if watched.wakes.is_none_or(|wakes| wanted < wakes) {
            self.shared.changed.notify_all();
        }
        let here = stop::Here::enter(&running);
        Some(Watching { shared: self.shared.clone(), running, _here: here })
    }
}

fn watch(shared: &Shared) {
    let mut watched = shared.lock();
    while !watched.ended {
        let now = Instant::now();
        let is_late = |running: &&Arc<Running>| running.deadline <= now || running.cancelled();
        let late: Vec<_> = watched.running.iter().filter(is_late).cloned().collect();
        for running in &late {
            running.expired.store(true, Ordering::Release);
            // The lock is held: the process cannot leave the list, nor its thread end, while this is done.
            running.stop.attempt(&running.module);
        }
        let look = |running: &Running| match &running.cancelled {
            Some(_) => running.deadline.min(now + LOOK),
            None => running.deadline,
        };
        let earliest = watched.running.iter().map(|running| look(running)).min();
        let pause = match earliest {
            _ if !late.is_empty() => Some(AGAIN),
            earliest => earliest.map(|deadline| deadline.saturating_duration_since(now)),
        };
        watched.wakes = pause.map(|pause| now + pause);
        watched = match pause {
            None => shared.changed.wait(watched).unwrap_or_else(PoisonError::into_inner),
            Some(pause) => {
                shared.changed.wait_timeout(watched, pause).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.shared.lock().running.retain(|running| !Arc::ptr_eq(running, &self.running));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}
