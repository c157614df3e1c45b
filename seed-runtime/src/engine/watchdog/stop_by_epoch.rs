//! Stopping through the engine's epoch: compiled code compares a counter at each loop and function. For systems
//! where a signal cannot be used for it.

use std::sync::Arc;

use wasmtime::{Store, UpdateDeadline};

use super::Running;
use crate::host::{State, Stop as Stopped};

/// Whether code must be compiled with epochs.
pub(in crate::engine) const EPOCHS: bool = true;

pub(super) struct Stop;

impl Stop {
    pub(super) fn new() -> Self {
        Self
    }

    /// Makes every process of this engine look; those whose deadline has not passed go on.
    #[expect(clippy::unused_self, reason = "the other way to stop needs it")]
    pub(super) fn attempt(&self, module: &wasmtime::Module) {
        module.engine().increment_epoch();
    }
}

/// Nothing has to be known of the thread.
pub(super) struct Here;

impl Here {
    pub(super) fn enter(_: &Arc<Running>) -> Self {
        Self
    }
}

/// Prepares a process for being stopped; one that is not watched never is.
pub(in crate::engine) fn arm(store: &mut Store<State>, running: Option<&Arc<Running>>) {
    let Some(running) = running.cloned() else {
        store.set_epoch_deadline(u64::MAX / 2);
        return;
    };
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| match running.expired() {
        false => Ok(UpdateDeadline::Continue(1)),
        true => Err(wasmtime::Error::new(Stopped::TimedOut)),
    });
}
