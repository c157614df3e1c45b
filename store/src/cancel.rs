//! Work that is not wanted any more: who asked for it has gone away, or the process is to end.

use crate::error::StoreError;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Says whether work is still wanted. [`Store::until`](crate::Store::until) takes it into all that is done through the
/// store: it ends soon after the flag is set, as it would after any other error.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Option<Arc<AtomicBool>>);

impl Cancel {
    /// The work is wanted until the flag is set.
    pub fn when(flag: Arc<AtomicBool>) -> Self {
        Self(Some(flag))
    }

    /// Whether it is wanted no more.
    pub fn is_set(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Ordering::Acquire))
    }

    /// # Errors
    /// [`StoreError::Cancelled`] if it is wanted no more.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.is_set() { Err(StoreError::Cancelled) } else { Ok(()) }
    }
}
