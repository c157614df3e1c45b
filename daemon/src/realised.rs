//! Which packages are there, as far as one piece of work knows.

use nuka_pir::Pid;
use nuka_store::Realisation;
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// Realisations by PID, shared by all workers.
#[derive(Default)]
pub struct Realised(RwLock<HashMap<Pid, Realisation>>);

impl Realised {
    /// What a package's build gave.
    pub fn get(&self, pid: &Pid) -> Option<Realisation> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(pid).cloned()
    }

    /// Whether a package is there.
    pub fn has(&self, pid: &Pid) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(pid)
    }

    /// Notes what a package's build gave.
    pub fn insert(&self, pid: Pid, realisation: Realisation) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(pid, realisation);
    }
}
